-- The bank file of a content. $1 SHA-256.
select file.source_id, source.name, file.cutoff, file.sent_on
from payout_file file
join source on source.id = file.source_id
where source.kind = 'payout' and source.digest = $1
order by file.source_id;
