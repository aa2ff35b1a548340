-- Batches of the files in force at the end of a day: what is kept of each, and what its lines come to, read one by one. $1 day.
with files as materialized (
    select source_id, acquirer_id, came, is_undone, gone from files_on($1)
), told as (
    select line.source_id, line.batch, line.net_currency as currency,
        sum(case when line.record_type in (1, 2, 3, 4, 8, 9, 10) then line.net + taken.costs + line.reserve else 0 end) as gross,
        sum(case when line.record_type <> 6 then taken.costs else 0 end) as costs,
        sum(case when line.record_type in (1, 2, 3, 4, 8, 9, 10) then -line.reserve when line.record_type <> 6 then line.net + taken.costs else 0 end) as other,
        sum(case when line.record_type <> 6 then line.net else 0 end) as net,
        sum(case when line.record_type = 6 then -line.net else 0 end) as payout,
        sum(case when line.record_type = 12 then line.net else 0 end) as carried
    from files
    join settlement_line line on line.source_id = files.source_id
    cross join lateral (select line.commission + line.markup + line.scheme_fee + line.interchange + line.tax as costs) taken
    where files.came and not files.gone
    group by line.source_id, line.batch, line.net_currency
), back as materialized (
    select returned.source_id, line.batch, line.net_currency as currency, sum(returned.amount) as amount
    from settlement_return returned
    join files on files.source_id = returned.source_id and files.came and not files.gone
    join settlement_line line on line.source_id = returned.source_id and line.ordinal = returned.ordinal
    where (returned.acquirer_id, line.batch, line.net_currency) not in (select unpaid.acquirer_id, unpaid.batch, unpaid.currency from unpaid_on($1) unpaid)
    group by returned.source_id, line.batch, line.net_currency
)
select acquirer.name as acquirer, source.name as file, batch.batch, batch.currency, batch.net, batch.payout,
    batch.of_balance,
    released.decided_by as released_by,
    coalesce(told.net, 0)::text as lines, coalesce(told.carried, 0)::text as carried,
    -- Of these, payouts that came back: the batch that had paid them is settled once this one is paid.
    coalesce(back.amount, 0)::text as returned,
    -- The sign of a payout row may be that of the format alone.
    (batch.gross, batch.costs, batch.other, batch.net, abs(batch.payout))
        is not distinct from (told.gross, told.costs, told.other, told.net, abs(told.payout)) as is_told
from files
join settlement_batch batch on batch.source_id = files.source_id
join acquirer on acquirer.id = files.acquirer_id
join source on source.id = files.source_id
left join file_decision released on released.source_id = files.source_id and released.decision = 'released'
left join told on told.source_id = batch.source_id and told.batch = batch.batch and told.currency = batch.currency
left join back on back.source_id = batch.source_id and back.batch = batch.batch and back.currency = batch.currency
where files.came and not files.gone
order by acquirer.name, batch.currency, files.source_id, batch.batch;
