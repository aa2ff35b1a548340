-- Holds by merchant and id. $1 merchant, or null for all; $2 whether those that were released too.
select hold.id, hold.book_id, book.merchant, hold.currency, hold.amount, hold.reason, hold.owner, hold.placed_on, hold.expires_on,
    hold.number, hold.released, hold.released_by
from hold
join book on book.id = hold.book_id
where ($1::text is null or book.merchant = $1) and ($2::boolean or hold.released is null)
order by book.merchant, hold.id;
