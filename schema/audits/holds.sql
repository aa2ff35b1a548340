-- What is on hold of every merchant is the sum of the holds that nobody has released, each placed and released by entries that say so.
with held as (
    select balance.book_id, account.currency, sum(balance.credits - balance.debits) as amount
    from balance
    join account on account.id = balance.account_id
    where account.code = 2040
    group by balance.book_id, account.currency
), placed as (
    select hold.book_id, hold.currency, sum(hold.amount) filter (where hold.released is null) as amount,
           count(*) filter (where placing.number is null or (hold.released is not null and releasing.number is null)) as unbooked
    from hold
    left join entry placing on placing.book_id = hold.book_id and placing.number = hold.number and placing.kind = 25
    left join entry releasing on releasing.book_id = hold.book_id and releasing.number = hold.released and releasing.kind = 26
    group by hold.book_id, hold.currency
)
select coalesce(held.book_id, placed.book_id) as book_id, coalesce(held.currency, placed.currency) as currency,
       held.amount as held, placed.amount as placed, placed.unbooked
from held
full join placed on placed.book_id = held.book_id and placed.currency = held.currency
where coalesce(held.amount, 0) <> coalesce(placed.amount, 0) or placed.unbooked > 0
order by 1, 2;
