-- The hold that an entry placed. $1 book, $2 number.
select hold.id, hold.book_id, book.merchant, hold.currency, hold.amount, hold.reason, hold.owner, hold.placed_on, hold.expires_on,
    hold.number, hold.released, hold.released_by
from hold
join book on book.id = hold.book_id
where hold.book_id = $1 and hold.number = $2;
