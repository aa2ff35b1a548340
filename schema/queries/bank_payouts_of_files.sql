-- The payouts of bank files whose batches have ids of ours. $1 cut-offs, $2 ordinals of the files.
select file.cutoff, file.ordinal, payout.currency, payout.end_to_end_id
from unnest($1::date[], $2::int[]) as named (cutoff, ordinal)
join payout_file file on file.cutoff = named.cutoff and file.ordinal = named.ordinal and file.format in ('pain.001', 'pain.001.03')
join payout on payout.file_id = file.source_id
order by file.cutoff, file.ordinal, payout.currency, payout.end_to_end_id;
