-- Adds a batch's movements to the balances, one row per book and account. $1 books, $2 accounts, $3 debits, $4 credits, $5 sides that the chart forbids to leave.
insert into balance (book_id, account_id, debits, credits, keeps_side)
select book_id, account_id, debits, credits, keeps_side
from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[]) as moved (book_id, account_id, debits, credits, keeps_side)
on conflict (book_id, account_id) do update
set debits = balance.debits + excluded.debits, credits = balance.credits + excluded.credits;
