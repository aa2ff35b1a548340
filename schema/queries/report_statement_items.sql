-- The items of merchants' statements, one row a transfer that changed what a merchant is owed. $1: a merchant, or null for all;
-- $2, $3: first and last booking date, or null.
select book.merchant, account.currency, account.exponent, entry.number, entry.booking_date,
       case
           when entry.kind = 3 and other.code in (4010, 4020) then 'merchant_fee'
           when entry.kind = 20 then 'payout_fee'
           when entry.kind = 21 then 'payout'
           when entry.kind in (10, 11, 12) then 'settlement_difference'
           else entry_kind.name
       end as movement,
       entry.reference, entry.payment, owed.is_debit, transfer.amount
from book
join entry on entry.book_id = book.id
join entry_kind on entry_kind.id = entry.kind
join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
join account debit on debit.id = transfer.debit_account
join account credit on credit.id = transfer.credit_account
cross join lateral (select debit.code in (1200, 2010, 2020, 2100) as is_debit, credit.code in (1200, 2010, 2020, 2100) as is_credit) owed
join account on account.id = (case when owed.is_debit then debit.id else credit.id end)
join account other on other.id = (case when owed.is_debit then credit.id else debit.id end)
where owed.is_debit <> owed.is_credit
  and book.merchant is not null
  and ($1::text is null or book.merchant = $1)
  and ($2::date is null or entry.booking_date >= $2)
  and ($3::date is null or entry.booking_date <= $3)
order by book.merchant, account.currency, entry.number, transfer.ordinal;
