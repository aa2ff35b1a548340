-- What every payment says was authorized, is open, and was captured, voided, refunded, charged back and left unpaid is what its entries moved.
with moved as (
    select entry.book_id, entry.payment,
           coalesce(sum(case when entry.kind in (1, 8) and debit.code = 9010 then transfer.amount
                             when entry.kind = 9 and credit.code = 9010 then -transfer.amount end), 0) as authorized,
           coalesce(sum(case when debit.code = 9010 then transfer.amount
                             when credit.code = 9010 then -transfer.amount end), 0) as open,
           coalesce(sum(case when entry.kind = 3 and debit.code in (1100, 1130) then transfer.amount
                             when entry.kind = 28 and credit.code in (1100, 1130) then -transfer.amount end), 0) as captured,
           -- What a final capture leaves open comes second.
           coalesce(sum(case when (entry.kind = 4 or (entry.kind = 3 and transfer.ordinal = 2)) and credit.code = 9010 then transfer.amount
                             when entry.kind = 28 and transfer.ordinal = 2 and debit.code = 9010 then -transfer.amount end), 0) as voided,
           coalesce(sum(case when entry.kind = 5 and debit.code = 2020 and credit.code in (1100, 1130, 2200) then transfer.amount
                             when entry.kind = 15 and debit.code in (1100, 1130, 2200) and credit.code = 2020 then -transfer.amount end), 0) as refunded,
           coalesce(sum(case when entry.kind = 5 and debit.code = 2020 and credit.code in (1100, 1130, 2200) then 1
                             when entry.kind = 15 and debit.code in (1100, 1130, 2200) and credit.code = 2020 then -1 end), 0) as refunds,
           coalesce(sum(case when entry.kind in (6, 16) and debit.code = 2020 and credit.code in (1100, 1130) then transfer.amount
                             when entry.kind = 7 and debit.code in (1100, 1130) and credit.code = 2020 then -transfer.amount end), 0) as charged_back,
           coalesce(sum(case when entry.kind = 17 and debit.code in (2020, 5060) then transfer.amount
                             when entry.kind = 18 and credit.code in (2020, 5060) then -transfer.amount end), 0) as unpaid,
           bool_or(debit.currency <> payment.currency and (debit.code in (2010, 2020, 9010) or credit.code in (2010, 2020, 9010))) as other_currency,
           bool_or(entry.kind = 1) as has_authorization,
           -- What an acquirer imposes, and what hands captures in, may name a payment that is not there.
           bool_or(entry.kind not in (6, 7, 16, 17, 18, 27, 34)) as is_of_payment
    from entry
    left join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    left join account debit on debit.id = transfer.debit_account
    left join account credit on credit.id = transfer.credit_account
    left join payment on payment.book_id = entry.book_id and payment.payment = entry.payment
    where entry.payment is not null
      and not exists (
          select from entry reversal
          where reversal.book_id = entry.book_id and reversal.reverses = entry.number and reversal.kind = 30
      )
    group by entry.book_id, entry.payment
)
select coalesce(payment.book_id, moved.book_id) as book_id, coalesce(payment.payment, moved.payment) as payment,
       payment.authorized, moved.authorized as moved_authorized,
       payment.authorized - (payment.captured - payment.over_captured) - payment.voided - payment.expired as open, moved.open as moved_open,
       payment.captured, moved.captured as moved_captured, payment.voided, moved.voided as moved_voided,
       payment.refunded, moved.refunded as moved_refunded, payment.refunds, moved.refunds as moved_refunds,
       payment.charged_back, moved.charged_back as moved_charged_back,
       payment.unpaid, moved.unpaid as moved_unpaid
from payment
full join moved on moved.book_id = payment.book_id and moved.payment = payment.payment
where (payment.payment is null and moved.is_of_payment)
   or (payment.payment is not null and (
       coalesce(payment.authorized, 0) <> coalesce(moved.authorized, 0)
       or (payment.authorized is not null) <> coalesce(moved.has_authorization, false)
       or coalesce(payment.authorized, 0) - (payment.captured - payment.over_captured) - payment.voided - payment.expired <> coalesce(moved.open, 0)
       or payment.captured <> coalesce(moved.captured, 0)
       or payment.voided <> coalesce(moved.voided, 0)
       or payment.refunded <> coalesce(moved.refunded, 0)
       or payment.refunds <> coalesce(moved.refunds, 0)
       or payment.charged_back <> coalesce(moved.charged_back, 0)
       or coalesce(payment.unpaid, 0) <> coalesce(moved.unpaid, 0)
       or coalesce(moved.other_currency, false)))
order by 1, 2;
