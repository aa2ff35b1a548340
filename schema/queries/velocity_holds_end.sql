-- Ends the holds of captures that are withdrawn. $1 books, $2 numbers of the captures, $3 numbers of the withdrawals, $4 by whom.
update hold
set released = ended.released, released_by = $4::text
from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as ended (book_id, number, released)
where hold.book_id = ended.book_id and hold.number = ended.number and hold.released is null;
