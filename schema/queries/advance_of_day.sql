-- What the advances of a day took out of pending money. $1 book, $2 and $3 between which their references lie, $4 kind, $5 code of pending money.
select coalesce(sum(transfer.amount), 0)::bigint as amount
from entry
join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
join account on account.id = transfer.debit_account and account.code = $5
where entry.book_id = $1 and entry.reference >= $2 and entry.reference < $3 and entry.kind = $4;
