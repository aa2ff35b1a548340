-- What a settlement file booked, one row a transfer, entry by entry, and what reversed it already. $1 source, $2, $3: after which book and number, $4 how many entries.
select booked.book_id, booked.number, booked.reference, booked.reversed_by,
    debit.code as debit_code, debit.currency as debit_currency, debit.dimension as debit_dimension,
    credit.code as credit_code, credit.currency as credit_currency, credit.dimension as credit_dimension, transfer.amount
from (
    select entry.book_id, entry.number, entry.reference, reversal.reference as reversed_by
    from entry
    left join entry reversal on reversal.book_id = entry.book_id and reversal.reverses = entry.number
    where entry.source_id = $1 and entry.kind in (10, 11, 12) and (entry.book_id, entry.number) > ($2, $3)
    order by entry.book_id, entry.number
    limit $4
) booked
left join transfer on transfer.book_id = booked.book_id and transfer.entry_number = booked.number
left join account debit on debit.id = transfer.debit_account
left join account credit on credit.id = transfer.credit_account
order by booked.book_id, booked.number, transfer.ordinal;
