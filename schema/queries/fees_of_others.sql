-- The entries of merchants' books that belong to no payment and may cost something, one row a transfer (one without where it has
-- none), with the cut-off of their payout. Of settlements, suspense and resolutions only those that touch an account of fees, and
-- none that was undone. $1: a merchant,
-- or null for all; $2: the accounts of fees.
select entry.book_id, book.merchant, entry.number, entry.kind, coalesce(entry.happened_on, entry.booking_date) as booking_date, entry.payment, entry.details, entry.reverses,
       null::text as currency, null::text as method, null::text as scheme, null::text as card_country,
       debit.code as debit_code, debit.currency as debit_currency, debit.dimension as debit_dimension,
       credit.code as credit_code, credit.currency as credit_currency, credit.dimension as credit_dimension,
       transfer.amount, payout.cutoff
from entry
join book on book.id = entry.book_id
left join (
    select book_id, instruction as number, cutoff from payout where instruction is not null
    union all
    select book_id, return_entry, cutoff from payout where return_entry is not null
) payout on payout.book_id = entry.book_id and payout.number = entry.number
left join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
left join account debit on debit.id = transfer.debit_account
left join account credit on credit.id = transfer.credit_account
where entry.payment is null
  and book.merchant is not null
  and ($1::text is null or book.merchant = $1)
  and (entry.kind not in (10, 11, 12, 31) or debit.code = any($2::smallint[]) or credit.code = any($2::smallint[]))
  and not (entry.kind in (10, 11, 12, 31) and exists (
      select from entry undoing where undoing.book_id = entry.book_id and undoing.reverses = entry.number
  ))
  and not (entry.kind = 30 and exists (
      select from entry undone where undone.book_id = entry.book_id and undone.number = entry.reverses and undone.kind in (10, 11, 12, 31)
  ))
order by entry.book_id, entry.number, transfer.ordinal;
