-- The bank files of a cut-off. $1 cut-off.
select file.source_id, source.name, source.digest, file.written
from payout_file file
join source on source.id = file.source_id
where file.cutoff = $1
order by file.ordinal;
