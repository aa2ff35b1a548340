-- Batches of acquirers that were not paid in full at the end of a day: what the files in force then promise, what the bank had settled of it, how many
-- files; the break that says that it is missing. Reads all batches and receipts. $1 day, $2 time zone of the house.
with batches as materialized (
    select acquirer_id, batch, currency, net, settled, files from unpaid_on($1)
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
