-- The bank files of a cut-off: whether the bank was given them, as somebody said or as what became of a payout shows, and how many of the
-- format of each came before it for its day. $1 cut-off.
select file.source_id, source.digest, file.written, file.ordinal, file.format, file.execute_on,
    file.sent_on is not null or exists (
        select from payout where payout.file_id = file.source_id and payout.state <> 'instructed') as sent, (
    select count(*) from payout_file other
    where other.execute_on = file.execute_on and other.format = file.format and other.source_id < file.source_id) as before
from payout_file file
join source on source.id = file.source_id
where file.cutoff = $1
order by file.ordinal;
