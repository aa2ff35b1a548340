-- Adds a batch's movements to the balances, one row per book and account; the books are locked. Not an upsert: that checks the movement alone against the account's side. $1 books, $2 accounts, $3 debits, $4 credits, $5 sides that the chart forbids to leave.
with moved as (
    select *
    from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[]) as moved (book_id, account_id, debits, credits, keeps_side)
), known as (
    update balance
    set debits = balance.debits + moved.debits, credits = balance.credits + moved.credits
    from moved
    where balance.book_id = moved.book_id and balance.account_id = moved.account_id
    returning balance.book_id, balance.account_id
)
insert into balance (book_id, account_id, debits, credits, keeps_side)
select book_id, account_id, debits, credits, keeps_side
from moved
where not exists (select from known where known.book_id = moved.book_id and known.account_id = moved.account_id);
