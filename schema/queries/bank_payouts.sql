-- Payouts by their end-to-end ids, or by their numbers, and which of their entries a bank statement has told of. $1 ids, $2 numbers.
select payout.id, payout.end_to_end_id, payout.book_id, payout.state, payout.currency, payout.amount, payout.confirmation, payout.return_entry,
    exists (select from bank_match told where told.book_id = payout.book_id and told.number = payout.confirmation) as confirmation_told,
    exists (select from bank_match told where told.book_id = payout.book_id and told.number = payout.return_entry) as return_told
from payout
where payout.end_to_end_id = any($1::text[]) or payout.id = any($2::bigint[])
order by payout.end_to_end_id, payout.book_id;
