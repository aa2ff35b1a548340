-- What booked files of an acquirer, but not these, have of batches. $1 sources, $2 acquirer, $3 batches.
select batch.batch, batch.currency, sum(batch.lines)::bigint as lines, sum(batch.net)::bigint as net
from settlement_batch batch
join settlement_file_state file on file.source_id = batch.source_id and file.state = 'booked' and file.acquirer_id = $2
where batch.batch = any($3) and batch.source_id <> all($1::bigint[]) and batch.lines > 0
group by batch.batch, batch.currency;
