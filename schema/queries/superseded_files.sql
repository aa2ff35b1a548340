-- Booked files of an acquirer that hold a batch of this file, of which both say what is paid. $1 source, $2 acquirer.
select earlier.source_id, source.name, earlier.batch
from settlement_batch batch
join settlement_batch earlier on earlier.batch = batch.batch and earlier.source_id <> batch.source_id
join settlement_file_state file on file.source_id = earlier.source_id and file.state = 'booked' and file.acquirer_id = $2
join source on source.id = earlier.source_id
where batch.source_id = $1 and batch.payout <> 0 and earlier.payout <> 0
group by earlier.source_id, source.name, earlier.batch
order by earlier.source_id, earlier.batch;
