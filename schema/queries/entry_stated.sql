-- What an entry states, to name the field in which an event differs from it. $1 book, $2 number.
select entry.kind, entry.payment, entry.acquirer_reference, entry.merchant_reference, entry.arn, entry.rrn, entry.auth_code,
    entry.occurred_at, transfer.amount, account.currency, acquirer.name as acquirer
from entry
left join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number and transfer.ordinal = 1
left join account on account.id = transfer.debit_account
left join payment on payment.book_id = entry.book_id and payment.payment = entry.payment
left join acquirer on acquirer.id = payment.acquirer_id
where entry.book_id = $1 and entry.number = $2;
