-- The exact sums of fees of these books in these periods. $1 books, $2 first days of periods.
select book_id, schedule, version, component, currency, period, vat, exact, posted, vat_posted
from accrual
where book_id = any ($1::bigint[]) and period = any ($2::date[]);
