-- Moves the heads of locked books onto their last entries. $1 ids, $2 numbers, $3 hashes.
update book
set number = head.number, hash = head.hash
from unnest($1::bigint[], $2::bigint[], $3::bytea[]) as head (id, number, hash)
where book.id = head.id;
