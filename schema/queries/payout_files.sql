-- The bank files of a cut-off, and how many of the format of each came before it for its day. $1 cut-off.
select file.source_id, source.digest, file.written, file.ordinal, file.format, file.execute_on, (
    select count(*) from payout_file other
    where other.execute_on = file.execute_on and other.format = file.format and other.source_id < file.source_id) as before
from payout_file file
join source on source.id = file.source_id
where file.cutoff = $1
order by file.ordinal;
