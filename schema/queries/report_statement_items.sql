-- The items of merchants' statements, one row a transfer that changed what a merchant is owed. $1: a merchant, or null for all;
-- $2, $3: first and last booking date, or null.
select merchant, currency, exponent, number, booking_date, movement, reference, payment, is_debit, amount
from statement_item
where ($1::text is null or merchant = $1) and ($2::date is null or booking_date >= $2) and ($3::date is null or booking_date <= $3)
order by merchant, currency, number, ordinal;
