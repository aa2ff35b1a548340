-- Booked files of an acquirer that hold a batch and currency of this file, of which both say what is paid, or that state a balance of the same account and period. $1 source, $2 acquirer, $3 names of batches that no file states.
select earlier.source_id, source.name, format('batch %s', earlier.batch) as what
from settlement_batch batch
join settlement_batch earlier
    on earlier.batch = batch.batch and earlier.currency = batch.currency and earlier.source_id <> batch.source_id
join settlement_file_state file on file.source_id = earlier.source_id and file.state = 'booked' and file.acquirer_id = $2
join source on source.id = earlier.source_id
where batch.source_id = $1 and batch.payout <> 0 and earlier.payout <> 0 and batch.batch <> all($3::text[])
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
