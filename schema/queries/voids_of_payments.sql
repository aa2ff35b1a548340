-- The voids of these payments, and what each withdrew. $1 books, $2 payments.
select entry.book_id, entry.payment, transfer.amount
from unnest($1::bigint[], $2::text[]) as wanted (book_id, payment)
join entry on entry.book_id = wanted.book_id and entry.payment = wanted.payment and entry.kind = 4
join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
order by entry.book_id, entry.payment, entry.number;
