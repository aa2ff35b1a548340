-- What tranches of the reserves of books still hold, the oldest first. $1 books.
select book_id, currency, source_on, release_on, withheld - released - applied as rest
from reserve_tranche
where book_id = any($1::bigint[]) and released + applied < withheld
order by book_id, currency, source_on, release_on;
