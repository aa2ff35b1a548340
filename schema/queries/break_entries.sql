-- What the entries of proposals move, by proposal, book, number and ordinal. $1 proposals.
select booked.break_id, booked.proposal_id, booked.book_id, booked.number, debit.code as debit_code, debit.dimension as debit_dimension,
    credit.code as credit_code, credit.dimension as credit_dimension, debit.currency, transfer.amount
from break_entry booked
join transfer on transfer.book_id = booked.book_id and transfer.entry_number = booked.number
join account debit on debit.id = transfer.debit_account
join account credit on credit.id = transfer.credit_account
where booked.proposal_id = any($1::bigint[])
order by booked.break_id, booked.book_id, booked.number, transfer.ordinal;
