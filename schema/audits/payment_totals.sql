-- What every payment says was authorized, captured, voided, refunded and charged back is what its entries moved.
with moved as (
    select entry.book_id, entry.payment,
           coalesce(sum(transfer.amount) filter (where entry.kind = 1 and debit.code = 9010), 0) as authorized,
           coalesce(sum(transfer.amount) filter (where entry.kind = 3 and debit.code = 1100), 0) as captured,
           coalesce(sum(transfer.amount) filter (where entry.kind = 4 and credit.code = 9010), 0) as voided,
           coalesce(sum(transfer.amount) filter (where entry.kind = 5 and credit.code = 1100), 0) as refunded,
           coalesce(sum(transfer.amount) filter (where entry.kind = 6 and credit.code = 1100), 0)
         - coalesce(sum(transfer.amount) filter (where entry.kind = 7 and debit.code = 1100), 0) as charged_back,
           bool_or(debit.currency <> payment.currency) as other_currency,
           bool_or(entry.kind = 1) as has_authorization
    from entry
    left join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    left join account debit on debit.id = transfer.debit_account
    left join account credit on credit.id = transfer.credit_account
    left join payment on payment.book_id = entry.book_id and payment.payment = entry.payment
    where entry.kind between 1 and 7
      and not exists (
          select from entry reversal
          where reversal.book_id = entry.book_id and reversal.reverses = entry.number and reversal.kind = 30
      )
    group by entry.book_id, entry.payment
)
select coalesce(payment.book_id, moved.book_id) as book_id, coalesce(payment.payment, moved.payment) as payment,
       payment.authorized, moved.authorized as moved_authorized, payment.captured, moved.captured as moved_captured,
       payment.voided, moved.voided as moved_voided, payment.refunded, moved.refunded as moved_refunded,
       payment.charged_back, moved.charged_back as moved_charged_back
from payment
full join moved on moved.book_id = payment.book_id and moved.payment = payment.payment
where payment.payment is null
   or coalesce(payment.authorized, 0) <> coalesce(moved.authorized, 0)
   or (payment.authorized is not null) <> coalesce(moved.has_authorization, false)
   or payment.captured <> coalesce(moved.captured, 0)
   or payment.voided <> coalesce(moved.voided, 0)
   or payment.refunded <> coalesce(moved.refunded, 0)
   or payment.charged_back <> coalesce(moved.charged_back, 0)
   or coalesce(moved.other_currency, false)
order by 1, 2;
