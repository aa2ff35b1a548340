-- The entries that moved exact sums of fees, in the order of the books. $1: a merchant, or null for all.
select entry.book_id, book.merchant, entry.number, entry.kind, coalesce(entry.happened_on, entry.booking_date) as booking_date, entry.payment, entry.details
from entry
join book on book.id = entry.book_id
where entry.details like '%"accrued":[%'
  and book.merchant is not null
  and ($1::text is null or book.merchant = $1)
order by entry.book_id, entry.number;
