-- What merchants are owed of captures, refunds and chargebacks that a file has reported, and whose batch was not paid in full at the end of a day, by
-- book and currency; what of that is in a reserve that is not released by then, or set aside. Reads the lines of these batches. $1 day.
with files as materialized (
    select file.source_id, file.acquirer_id, coalesce(booked.booking_date, file.as_of) <= $1::date as came,
        undone.source_id is not null as is_undone,
        undone.source_id is not null and coalesce(reversal.booking_date, booked.booking_date, file.as_of) <= $1::date as gone
    from settlement_file file
    left join file_decision released on released.source_id = file.source_id and released.decision = 'released'
    left join file_decision undone on undone.source_id = file.source_id and undone.decision = 'undone'
    -- All entries of a file are of one day, and so are those that reverse them.
    left join lateral (
        select entry.booking_date from entry where entry.source_id = file.source_id and entry.kind in (10, 11, 12) limit 1
    ) booked on true
    left join lateral (
        select entry.booking_date from entry where entry.source_id = undone.run_id and entry.kind = 30 limit 1
    ) reversal on true
    where file.state = 'booked' or released.source_id is not null
), decided as materialized (
    -- What people resolved or matched, and whether it held at the end of the day; what is reopened is reversed.
    select break_entry.proposal_id, bool_or(reversal.number is null) as stands,
        min(entry.booking_date) <= $1 and coalesce(max(reversal.booking_date) > $1, true) as holds
    from break_entry
    join entry on entry.book_id = break_entry.book_id and entry.number = break_entry.number
    left join entry reversal
        on reversal.book_id = break_entry.book_id and reversal.reverses = break_entry.number and reversal.kind = 30
    group by break_entry.proposal_id
), batches as materialized (
    select told.acquirer_id, told.batch, told.currency, sum(told.net)::bigint as net, sum(told.settled)::bigint as settled, sum(told.files) as files
    from (
        select files.acquirer_id, batch.batch, batch.currency, batch.net, 0::bigint as settled, 1 as files
        from files
        join settlement_batch batch on batch.source_id = files.source_id
        where files.came and not files.gone
        union all
        select told.acquirer_id, told.batch, told.currency, 0, told.settled, 0
        from bank_match told
        join entry on entry.book_id = told.book_id and entry.number = told.number
        where told.kind = 'receipt' and entry.booking_date <= $1
    ) told
    group by told.acquirer_id, told.batch, told.currency
    having sum(told.net) <> sum(told.settled)
), item as (
    select match.book_id, match.number, sum(match.item_gross)::bigint as gross, max(match.merchant_fee) as merchant_fee, max(case when match.reserve_until > $1 then match.reserve else 0 end) as reserve,
        coalesce(sum(match.passed_on), 0) + coalesce(sum(match.passed_on_vat), 0) as passed_on
    from batches
    join settlement_batch batch on batch.batch = batches.batch and batch.currency = batches.currency
    join files on files.source_id = batch.source_id and files.acquirer_id = batches.acquirer_id and files.came and not files.gone
    join settlement_line line on line.source_id = batch.source_id and line.batch = batch.batch and line.net_currency = batch.currency
    join settlement_match match on match.source_id = line.source_id and match.ordinal = line.ordinal
    left join decided on decided.proposal_id = match.proposal_id
    where match.proposal_id is null or decided.holds
    group by match.book_id, match.number
)
select item.book_id, moved.currency, sum(moved.share - item.passed_on)::text as share, sum(moved.held)::text as held, sum(item.reserve)::text as withheld
from item
join entry on entry.book_id = item.book_id and entry.number = item.number
left join aggregate on entry.kind = 27 and aggregate.book_id = entry.book_id and aggregate.closed = entry.number
cross join lateral (
    -- What was reported before it was booked is owed to nobody yet.
    select coalesce(aggregate.currency, max(debit.currency)) as currency,
        coalesce(sum(case when part.booking_date > $1 then 0
                 when part.kind <> 3 and debit.code not in (1100, 1130) and credit.code not in (1100, 1130) then 0
                 when debit.code in (2010, 2020, 2030, 2040) and credit.code in (2010, 2020, 2030, 2040) then 0
                 when credit.code in (2010, 2020, 2030, 2040) then transfer.amount
                 when debit.code in (2010, 2020, 2030, 2040) then -transfer.amount
                 else 0 end), 0) as share,
        coalesce(sum(case when part.booking_date <= $1 and part.kind = 3 and credit.code = 2040 then transfer.amount else 0 end), 0) as held
    from entry part
    join transfer on transfer.book_id = part.book_id and transfer.entry_number = part.number
    join account debit on debit.id = transfer.debit_account and debit.code < 9000
    join account credit on credit.id = transfer.credit_account
    where part.book_id = entry.book_id and case when aggregate.closed is null then part.number = entry.number
        else part.kind = 3 and part.details like '%"aggregate":%' and part.details::jsonb ->> 'aggregate' = aggregate.aggregate
            and not exists (select from entry withdrawal where withdrawal.book_id = part.book_id and withdrawal.reverses = part.number) end
) moved
group by item.book_id, moved.currency
order by item.book_id, moved.currency;
