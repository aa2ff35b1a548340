-- What tranches of reserves hold. $1 books.
select book_id, currency, source_on, release_on, withheld - released - applied as held
from reserve_tranche
where book_id = any($1::bigint[]) and released + applied < withheld;
