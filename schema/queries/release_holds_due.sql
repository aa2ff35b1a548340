-- The holds that expire on a day or before; the books are locked. $1 books, $2 day.
select id, book_id, currency, amount
from hold
where book_id = any($1::bigint[]) and expires_on <= $2 and expires_on is not null and released is null
order by id;
