-- Adds a batch's movements to the balances, one row per book and account. $1 books, $2 accounts, $3 debits, $4 credits, $5 sides that the chart forbids to leave.
-- The books are locked. Not `on conflict do update`: that checks a movement as if it were a balance, and one alone may well be on the forbidden side.
with moved as (
    select book_id, account_id, debits, credits, keeps_side
    from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[]) as moved (book_id, account_id, debits, credits, keeps_side)
), added as (
    update balance
    set debits = balance.debits + moved.debits, credits = balance.credits + moved.credits
    from moved
    where balance.book_id = moved.book_id and balance.account_id = moved.account_id
    returning balance.book_id, balance.account_id
)
insert into balance (book_id, account_id, debits, credits, keeps_side)
select book_id, account_id, debits, credits, keeps_side
from moved
where not exists (select from added where added.book_id = moved.book_id and added.account_id = moved.account_id);
