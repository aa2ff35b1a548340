-- What bank statements and files had put into suspense, and nobody had resolved at the end of a day: its break, how much (credit above zero), and of a
-- receipt what of its batch it settled beyond or short of what came. Of files only what is of a batch that was not paid in full. $1 day,
-- $2 time zone of the house.
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
), held as (
    select break.id, break.class, break.acquirer_id, break.suspense_number, break.source_id, break.ordinal, break.detail, entry.booking_date
    from break
    join entry on entry.book_id = 1 and entry.number = break.suspense_number
    where break.class in ('FUNDING_MISMATCH', 'UNIDENTIFIED_RECEIPT') and entry.booking_date <= $1
    union all
    select break.id, break.class, break.acquirer_id, break.suspense_number, break.source_id, break.ordinal, break.detail, null
    from break
    join files on files.source_id = break.source_id and files.came and not files.gone
    where break.ordinal is not null
        and (break.suspense_number is not null or break.class = 'AMOUNT_MISMATCH')
        and not (break.resolution is not distinct from 'undone' and not files.is_undone)
)
select distinct on (coalesce(held.source_id, 0), coalesce(held.ordinal, -held.id)) held.id, held.class, acquirer.name as acquirer, money.suspense_in as currency, money.suspense as amount, held.detail,
    held.booking_date, receipt.short, batches.batch is not null as unpaid
from held
join acquirer on acquirer.id = held.acquirer_id
join break_money money on money.break_id = held.id
left join settlement_line line on held.ordinal is not null and line.source_id = held.source_id and line.ordinal = held.ordinal
left join batches on batches.acquirer_id = held.acquirer_id and batches.batch = line.batch and batches.currency = line.net_currency
left join lateral (
    select sum(told.amount - told.settled)::bigint as short
    from bank_match told
    where held.class = 'FUNDING_MISMATCH' and told.book_id = 1 and told.number = held.suspense_number and told.kind = 'receipt'
) receipt on true
where money.suspense <> 0 and (held.ordinal is null or batches.batch is not null)
    and not exists (
        select from break_proposal proposal
        join decided on decided.proposal_id = proposal.id and decided.holds
        where proposal.break_id = held.id
    )
    -- What paid an invoice is resolved by no proposal.
    and not (exists (select from break where break.id = held.id and break.resolution = 'match' and break.proposal_id is null)
        and exists (
            select from break_step step
            where step.break_id = held.id and step.what = 'resolved' and (step.at at time zone $2)::date <= $1
        ))
order by coalesce(held.source_id, 0), coalesce(held.ordinal, -held.id), held.id;
