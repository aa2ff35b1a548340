-- The memo account of authorizations holds what payments still have open, in every book and currency.
with held as (
    select balance.book_id, account.currency, sum(balance.debits - balance.credits) as amount
    from balance
    join account on account.id = balance.account_id
    where account.code = 9010
    group by balance.book_id, account.currency
), open as (
    select book_id, currency, sum(coalesce(authorized, 0) - (captured - over_captured) - voided - expired) as amount
    from payment
    group by book_id, currency
)
select coalesce(held.book_id, open.book_id) as book_id, coalesce(held.currency, open.currency) as currency,
       held.amount as held, open.amount as open
from held
full join open on open.book_id = held.book_id and open.currency = held.currency
where coalesce(held.amount, 0) <> coalesce(open.amount, 0)
order by 1, 2;
