-- The entries that resolved a break, and those that reversed them, with what they move. $1 break.
select book.merchant, entry.number, entry_kind.name as kind, entry.booking_date, debit.code as debit, credit.code as credit, debit.currency, transfer.amount
from break_entry booked
join book on book.id = booked.book_id
join entry on entry.book_id = booked.book_id and (entry.number = booked.number or entry.reverses = booked.number)
join entry_kind on entry_kind.id = entry.kind
join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
join account debit on debit.id = transfer.debit_account
join account credit on credit.id = transfer.credit_account
where booked.break_id = $1
order by booked.book_id, entry.number, transfer.ordinal;
