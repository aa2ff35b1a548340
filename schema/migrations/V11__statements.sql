-- What a merchant's statement is made of.

create view statement_item as
select book.merchant, account.currency, account.exponent, entry.booking_date, entry.number, transfer.ordinal,
    case
        when other.code = 2300 then 'vat'
        when other.code in (4010, 4020) then 'merchant_fee'
        when other.code = 4030 then 'dispute_fee'
        when other.code = 4040 then 'minimum_top_up'
        when other.code = 4050 and entry.kind in (20, 38) then 'payout_fee'
        when other.code = 4050 then 'advance_fee'
        when other.code = 4060 then 'costs_passed_on'
        when other.code = 4090 then 'fee_returned'
        when other.code = 2030 then 'reserve'
        when other.code = 2040 then 'hold'
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
where owed.is_debit <> owed.is_credit and book.merchant is not null;
comment on view statement_item is 'Every transfer that changed what a merchant is owed (pending, available and in transit, less what is shown as a receivable), by what it was: its other account where that says it (fees, VAT, reserve, hold), else the kind of its entry.';

grant select on statement_item to acquit_runtime, acquit_auditor;
