-- Releases the tranches that are due on a day or before, and says what they held; the books are locked. $1 books, $2 day.
update reserve_tranche
set released = reserve_tranche.released + due.amount
from (
    select book_id, currency, source_on, release_on, withheld - released - applied as amount
    from reserve_tranche
    where book_id = any($1::bigint[]) and release_on <= $2 and released + applied < withheld
) due
where reserve_tranche.book_id = due.book_id and reserve_tranche.currency = due.currency
    and reserve_tranche.source_on = due.source_on and reserve_tranche.release_on = due.release_on
returning reserve_tranche.book_id, reserve_tranche.currency, due.amount;
