-- Opens a cursor over transfers in the order of the chain. $1: one book, or null for all.
declare verify_transfers no scroll cursor for
select book_id, entry_number, ordinal, debit_account, credit_account, amount
from transfer
where $1::bigint is null or book_id = $1
order by book_id, entry_number, ordinal;
