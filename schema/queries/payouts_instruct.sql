-- Marks payouts as instructed by entries of their books, in a bank file. $1 ids, $2 entries, $3 file.
update payout
set state = 'instructed', instruction = done.number, file_id = $3
from unnest($1::bigint[], $2::bigint[]) as done (id, number)
where payout.id = done.id;
