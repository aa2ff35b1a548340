-- What is on hold of every merchant is the sum of the holds that nobody has released, each placed and released by entries that say so.
with held as (
    select balance.book_id, account.currency, sum(balance.credits - balance.debits) as amount
    from balance
    join account on account.id = balance.account_id
    where account.code = 2040
    group by balance.book_id, account.currency
), placed as (
    select hold.book_id, hold.currency, sum(hold.amount) filter (where hold.released is null) as amount,
           count(*) filter (where opening.number is null or (hold.released is not null and closing.number is null)) as unbooked
    from hold
    left join entry opening on opening.book_id = hold.book_id and opening.number = hold.number and opening.kind in (25, 3)
    left join entry closing on closing.book_id = hold.book_id and closing.number = hold.released and closing.kind in (26, 28)
    group by hold.book_id, hold.currency
)
select coalesce(held.book_id, placed.book_id) as book_id, coalesce(held.currency, placed.currency) as currency,
       held.amount as held, placed.amount as placed, placed.unbooked
from held
full join placed on placed.book_id = held.book_id and placed.currency = held.currency
where coalesce(held.amount, 0) <> coalesce(placed.amount, 0) or placed.unbooked > 0
order by 1, 2;
