-- What a period that is about to be closed leaves open: entries booked since the last one, open items and breaks. $1 the last closed day, or null; $2 through.
select
    (select count(*) from entry where entry.booking_date <= $2::date and ($1::date is null or entry.booking_date > $1)) as entries,
    (select count(*) from entry where entry.kind = 39 and entry.booking_date <= $2 and ($1::date is null or entry.booking_date > $1)) as reclassified,
    (select count(*) from open_item where open_item.occurred_on <= $2) as open_items,
    (select count(*) from break where break.state <> 'resolved'
        and coalesce(break.expected_on, (select file.as_of from settlement_file file where file.source_id = break.source_id)) <= $2) as breaks,
    (select count(*) from payout where payout.state in ('planned', 'approved', 'instructed', 'sent', 'unknown') and payout.cutoff <= $2) as payouts;
