-- Booked files of an acquirer that hold a batch and currency of this file, of which both say what is paid, or that state a balance of the same account and period, or of the batches of which half of this file's lines are (of a sample, of what has a reference). $1 source, $2 acquirer, $3 names of batches that no file states, $4 so many lines are looked at.
with shared as materialized (
    select distinct batch.batch, batch.currency
    from settlement_batch batch
    join settlement_batch earlier
        on earlier.batch = batch.batch and earlier.currency = batch.currency and earlier.source_id <> batch.source_id
    join settlement_file_state file on file.source_id = earlier.source_id and file.state = 'booked' and file.acquirer_id = $2
    where batch.source_id = $1
), sample as materialized (
    select line.ordinal, line.batch, line.record_type, line.acquirer_reference, line.net, line.net_currency, line.occurred_on
    from settlement_line line
    join shared on shared.batch = line.batch and shared.currency = line.net_currency
    where line.source_id = $1 and line.acquirer_reference is not null and line.record_type <> 6
        and line.ordinal % greatest(1, (select max(ordinal) from settlement_line where source_id = $1) / $4) = 0
), again as (
    select before.source_id, min(sample.batch) as batch
    from sample
    cross join lateral (
        select distinct line.source_id
        from settlement_line line
        where line.acquirer_reference = sample.acquirer_reference and line.batch = sample.batch and line.record_type = sample.record_type
            and line.net = sample.net and line.net_currency = sample.net_currency and line.occurred_on = sample.occurred_on
            and line.source_id <> $1
    ) before
    join settlement_file_state file on file.source_id = before.source_id and file.state = 'booked' and file.acquirer_id = $2
    group by before.source_id
    having count(*) * 2 >= (select count(*) from sample)
)
select earlier.source_id, source.name, format('batch %s', earlier.batch) as what
from settlement_batch batch
join settlement_batch earlier
    on earlier.batch = batch.batch and earlier.currency = batch.currency and earlier.source_id <> batch.source_id
join settlement_file_state file on file.source_id = earlier.source_id and file.state = 'booked' and file.acquirer_id = $2
join source on source.id = earlier.source_id
where batch.source_id = $1 and batch.payout <> 0 and earlier.payout <> 0 and batch.batch <> all($3::text[])
union
select again.source_id, source.name, format('batch %s', again.batch)
from again
join source on source.id = again.source_id
union
select earlier.source_id, source.name, format('account %s', earlier.account)
from settlement_balance balance
join settlement_balance earlier
    on earlier.acquirer_id = $2 and earlier.account = balance.account and earlier.currency = balance.currency
    and earlier.begins_at = balance.begins_at and earlier.ends_at = balance.ends_at and earlier.source_id <> balance.source_id
join settlement_file_state file on file.source_id = earlier.source_id and file.state = 'booked'
join source on source.id = earlier.source_id
where balance.source_id = $1
order by 1, 3;
