-- What merchants are owed: what was there before a day, and what moved since, by kind. $1: a merchant, or null for all; $2, $3: first
-- and last booking date, or null.
select merchant, currency, exponent, case when booking_date < $2::date then 'opening' else movement end as what, count(distinct number) as entries,
    sum(case when is_debit then amount else 0 end)::text as debits, sum(case when is_debit then 0 else amount end)::text as credits
from statement_item
where ($1::text is null or merchant = $1) and ($3::date is null or booking_date <= $3)
group by merchant, currency, exponent, what
order by merchant, currency, what;
