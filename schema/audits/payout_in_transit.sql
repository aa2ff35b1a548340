-- What is in transit to every merchant is the sum of its payouts that are instructed and neither confirmed nor returned.
with held as (
    select balance.book_id, account.currency, sum(balance.credits - balance.debits) as amount
    from balance
    join account on account.id = balance.account_id
    where account.code = 2100
    group by balance.book_id, account.currency
), sent as (
    select book_id, currency, sum(amount) as amount
    from payout
    where state in ('instructed', 'sent', 'unknown')
    group by book_id, currency
)
select coalesce(held.book_id, sent.book_id) as book_id, coalesce(held.currency, sent.currency) as currency,
       held.amount as held, sent.amount as instructed
from held
full join sent on sent.book_id = held.book_id and sent.currency = held.currency
where coalesce(held.amount, 0) <> coalesce(sent.amount, 0)
order by 1, 2;
