-- Opens a cursor over books and their heads. $1: one book, or null for all.
declare verify_books no scroll cursor for
select id, merchant, number, hash
from book
where $1::bigint is null or id = $1
order by id;
