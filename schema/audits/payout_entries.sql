-- The instruction of every payout moved exactly its amount, fee and VAT, the confirmation its amount, its return the amount back from where it was and fee and VAT wholly or not at all, in its currency; nothing else moved.
with moved as (
    select payout.id, entry.kind,
           case when debit.currency is distinct from payout.currency or credit.currency is distinct from payout.currency then null
                when entry.kind = 20 and debit.code = 2020 and credit.code = 2100 then 'amount'
                when entry.kind = 20 and debit.code = 2020 and credit.code = 4050 then 'fee'
                when entry.kind = 20 and debit.code = 2020 and credit.code = 2300 then 'vat'
                when entry.kind = 21 and debit.code = 2100 and credit.code = 1010 then 'amount'
                when entry.kind = 38 and debit.code = case when payout.confirmation is null then 2100 else 1010 end and credit.code = 2110 then 'amount'
                when entry.kind = 38 and debit.code = 2110 and credit.code = 2020 then 'credited'
                when entry.kind = 38 and debit.code = 4050 and credit.code = 2020 then 'fee'
                when entry.kind = 38 and debit.code = 2300 and credit.code = 2020 then 'vat'
           end as part,
           transfer.amount
    from payout
    cross join lateral (values (payout.instruction), (payout.confirmation), (payout.return_entry)) as own (number)
    join transfer on transfer.book_id = payout.book_id and transfer.entry_number = own.number
    join entry on entry.book_id = transfer.book_id and entry.number = transfer.entry_number
    join account debit on debit.id = transfer.debit_account
    join account credit on credit.id = transfer.credit_account
), summed as (
    select id,
           coalesce(sum(amount) filter (where kind = 20 and part = 'amount'), 0) as instructed,
           coalesce(sum(amount) filter (where kind = 20 and part = 'fee'), 0) as fee_charged,
           coalesce(sum(amount) filter (where kind = 20 and part = 'vat'), 0) as vat_charged,
           coalesce(sum(amount) filter (where kind = 21 and part = 'amount'), 0) as confirmed,
           coalesce(sum(amount) filter (where kind = 38 and part = 'amount'), 0) as returned,
           coalesce(sum(amount) filter (where kind = 38 and part = 'credited'), 0) as credited,
           coalesce(sum(amount) filter (where kind = 38 and part = 'fee'), 0) as fee_returned,
           coalesce(sum(amount) filter (where kind = 38 and part = 'vat'), 0) as vat_returned,
           count(*) filter (where part is null) as others
    from moved
    group by id
)
select payout.id, payout.book_id, payout.amount, payout.fee, payout.vat, payout.instruction, summed.instructed, summed.fee_charged,
       summed.vat_charged, payout.confirmation, summed.confirmed, payout.return_entry, summed.returned, summed.credited, summed.fee_returned,
       summed.vat_returned, summed.others
from payout
left join summed on summed.id = payout.id
where (payout.instruction is not null
       and (summed.instructed is distinct from payout.amount or summed.fee_charged is distinct from payout.fee
            or summed.vat_charged is distinct from payout.vat))
   or (payout.confirmation is not null and summed.confirmed is distinct from payout.amount)
   or (payout.return_entry is not null
       and (summed.returned is distinct from payout.amount or summed.credited is distinct from payout.amount
            or (summed.fee_returned, summed.vat_returned) not in ((0, 0), (payout.fee, payout.vat))))
   or summed.others > 0
order by payout.id;
