-- What is pending of every merchant is what waits for a settlement line, for its aggregate, for its day, or for the end of a break.
with held as (
    select balance.book_id, account.currency, sum(balance.credits - balance.debits) as amount
    from balance
    join account on account.id = balance.account_id
    where account.code = 2010
    group by balance.book_id, account.currency
), waiting as (
    select book_id, currency, gross - merchant_fee as amount from open_item where record_type = 1 and not matures
    union all
    select book_id, currency, gross - merchant_fee from aggregate where closed is null and not matures
    union all
    select book_id, currency, payable from maturing
    union all
    select book_id, expected_in, kept_pending from break where state <> 'resolved' and kept_pending is not null
), owed as (
    select book_id, currency, sum(amount) as amount from waiting group by book_id, currency
)
select coalesce(held.book_id, owed.book_id) as book_id, coalesce(held.currency, owed.currency) as currency,
       held.amount as held, owed.amount as waiting
from held
full join owed on owed.book_id = held.book_id and owed.currency = held.currency
where coalesce(held.amount, 0) <> coalesce(owed.amount, 0)
order by 1, 2;
