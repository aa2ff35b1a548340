-- Takes the pending money that is due on a day or before; the books are locked. $1 books, $2 day.
delete from maturing
where book_id = any($1::bigint[]) and available_on <= $2
returning book_id, currency, source_on, reserve_until, payable, reserve;
