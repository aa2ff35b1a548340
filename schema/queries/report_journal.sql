-- The journal, one row a transfer, in the order of books and numbers. $1: a merchant, or null for all books; $2, $3: first and
-- last booking date, or null.
select entry.book_id, book.merchant, entry.number, coalesce(entry_kind.name, 'kind ' || entry.kind) as kind, entry.kind as kind_id,
       entry.reference, entry.fingerprint, entry.payment,
       entry.acquirer_reference, entry.merchant_reference, entry.arn, entry.rrn, entry.auth_code, entry.details, entry.natural_key, entry.occurred_at,
       entry.recorded_at, entry.booking_date, entry.happened_on, entry.source_id, source.name as source, entry.source_line, transfer.ordinal,
       debit.code as debit_code, debit_code.name as debit_name, debit.currency as debit_currency,
       debit.dimension as debit_dimension,
       credit.code as credit_code, credit_code.name as credit_name, credit.currency as credit_currency,
       credit.dimension as credit_dimension,
       transfer.amount, debit.exponent, entry.reverses, entry.hash
from entry
left join book on book.id = entry.book_id
left join entry_kind on entry_kind.id = entry.kind
left join source on source.id = entry.source_id
left join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
left join account debit on debit.id = transfer.debit_account
left join account_code debit_code on debit_code.number = debit.code
left join account credit on credit.id = transfer.credit_account
left join account_code credit_code on credit_code.number = credit.code
where ($1::text is null or book.merchant = $1)
  and ($2::date is null or entry.booking_date >= $2)
  and ($3::date is null or entry.booking_date <= $3)
order by entry.book_id, entry.number, transfer.ordinal;
