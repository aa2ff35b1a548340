-- Opens a cursor over balances by book. $1: one book, or null for all.
declare verify_balances no scroll cursor for
select book_id, account_id, debits, credits
from balance
where $1::bigint is null or book_id = $1
order by book_id, account_id;
