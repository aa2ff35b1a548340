-- What an entry states, one row a transfer (one without where it has none), and its payment's acquirer. $1 book, $2 number.
select entry.kind, entry.reference, entry.payment, entry.acquirer_reference, entry.merchant_reference, entry.arn, entry.rrn,
    entry.auth_code, entry.details, entry.occurred_at, entry.booking_date, acquirer.name as acquirer,
    debit.code as debit_code, debit.currency as debit_currency, debit.dimension as debit_dimension,
    credit.code as credit_code, credit.currency as credit_currency, credit.dimension as credit_dimension, transfer.amount
from entry
left join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
left join account debit on debit.id = transfer.debit_account
left join account credit on credit.id = transfer.credit_account
left join payment on payment.book_id = entry.book_id and payment.payment = entry.payment
left join acquirer on acquirer.id = payment.acquirer_id
where entry.book_id = $1 and entry.number = $2
order by transfer.ordinal;
