-- Batches of acquirers that were not paid in full at the end of a day: what the files in force then promise, what the bank had settled of it, how many
-- files; the break that says that it is missing. Reads all batches and receipts. $1 day, $2 time zone of the house.
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
)
select acquirer.name as acquirer, batches.batch, batches.currency, batches.net, batches.settled, batches.files, missing.break_id, missing.expected_on
from batches
join acquirer on acquirer.id = batches.acquirer_id
left join lateral (
    select max(break.id) as break_id, max(break.expected_on) as expected_on
    from break
    where break.class = 'MISSING_RECEIPT' and break.acquirer_id = batches.acquirer_id and batches.net <> 0
        and starts_with(break.detail, format('batch %s in %s: ', batches.batch, batches.currency))
        and (select max(statement.until_on) from bank_statement statement where statement.source_id = break.found_in and statement.state = 'booked') <= $1
        and not (break.resolution is not distinct from 'timing' and break.proposal_id is not null and exists (
            select from break_step step
            where step.break_id = break.id and step.what = 'resolved' and (step.at at time zone $2)::date <= $1
        ))
) missing on true
order by acquirer.name, batches.currency, batches.batch;
