-- The exact sums of fees by book, as the table has them. $1: a merchant, or null for all.
select accrual.book_id, book.merchant, accrual.schedule, accrual.version, accrual.component, accrual.currency, accrual.period,
       accrual.vat, accrual.exact, accrual.posted, accrual.vat_posted
from accrual
join book on book.id = accrual.book_id
where $1::text is null or book.merchant = $1
order by accrual.book_id, accrual.schedule, accrual.version, accrual.component, accrual.currency, accrual.period, accrual.vat;
