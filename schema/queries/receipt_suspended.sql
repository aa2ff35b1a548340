-- What a break of a bank statement holds: the part of an entry of which file it is, where that is, its amount and day, the last part of the entry, and the transfer that put it in suspense. $1 break.
select told.source_id, told.ordinal, told.amount, told.currency, told.number, entry.booking_date, stated.line,
    (select max(part) from bank_match other where other.source_id = told.source_id and other.ordinal = told.ordinal) as last_part,
    debit.code as debit_code, debit.dimension as debit_dimension, credit.code as credit_code, credit.dimension as credit_dimension
from break
join bank_match told on told.book_id = 1 and told.number = break.suspense_number and told.kind = 'suspense'
join bank_entry stated on stated.source_id = told.source_id and stated.ordinal = told.ordinal
join entry on entry.book_id = 1 and entry.number = told.number
join transfer on transfer.book_id = 1 and transfer.entry_number = told.number
join account debit on debit.id = transfer.debit_account
join account credit on credit.id = transfer.credit_account
where break.id = $1 and break.class = 'UNIDENTIFIED_RECEIPT'
order by told.part
limit 1;
