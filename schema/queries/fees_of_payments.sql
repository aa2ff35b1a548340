-- The entries of payments as far as fees go, one row a transfer (one without where it has none), payment by payment. Memo
-- accounts are left out. $1: a merchant, or null for all; $2: a payment, or null for all.
select entry.book_id, book.merchant, entry.number, entry.kind, coalesce(entry.happened_on, entry.booking_date) as booking_date, entry.payment, entry.details, entry.reverses,
       payment.currency, payment.method, payment.scheme, payment.card_country,
       moved.debit_code, moved.debit_currency, moved.debit_dimension, moved.credit_code, moved.credit_currency,
       moved.credit_dimension, moved.amount
from entry
join book on book.id = entry.book_id
left join payment on payment.book_id = entry.book_id and payment.payment = entry.payment
left join (
    select transfer.book_id, transfer.entry_number, transfer.ordinal, transfer.amount,
           debit.code as debit_code, debit.currency as debit_currency, debit.dimension as debit_dimension,
           credit.code as credit_code, credit.currency as credit_currency, credit.dimension as credit_dimension
    from transfer
    join account debit on debit.id = transfer.debit_account
    join account credit on credit.id = transfer.credit_account
    where debit.code < 9000
) moved on moved.book_id = entry.book_id and moved.entry_number = entry.number
where entry.payment is not null
  and book.merchant is not null
  and ($1::text is null or book.merchant = $1)
  and ($2::text is null or entry.payment = $2)
order by entry.book_id, entry.payment, entry.number, moved.ordinal;
