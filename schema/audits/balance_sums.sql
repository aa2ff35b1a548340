-- Every balance is the sum of its transfers, and every account that moved has a balance.
with moved as (
    select book_id, account_id, sum(debits) as debits, sum(credits) as credits
    from (
        select book_id, debit_account as account_id, amount as debits, 0 as credits from transfer
        union all
        select book_id, credit_account, 0, amount from transfer
    ) sides
    group by book_id, account_id
)
select coalesce(balance.book_id, moved.book_id) as book_id, coalesce(balance.account_id, moved.account_id) as account_id,
       balance.debits, balance.credits, moved.debits as moved_debits, moved.credits as moved_credits
from balance
full join moved on moved.book_id = balance.book_id and moved.account_id = balance.account_id
where coalesce(balance.debits, 0) <> coalesce(moved.debits, 0)
   or coalesce(balance.credits, 0) <> coalesce(moved.credits, 0)
   or (moved.book_id is not null and balance.book_id is null)
order by 1, 2;
