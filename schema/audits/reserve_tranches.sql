-- What reserves hold is what their tranches say was withheld and neither released nor applied; and what tranches say was released, and applied to refunds, is what entries moved.
with held as (
    select balance.book_id, account.currency, sum(balance.credits - balance.debits) as amount
    from balance
    join account on account.id = balance.account_id
    where account.code = 2030
    group by balance.book_id, account.currency
), tranches as (
    select book_id, currency, sum(withheld - released - applied) as amount, sum(released) as released, sum(applied) as applied
    from reserve_tranche
    group by book_id, currency
), moved as (
    select transfer.book_id, debit.currency,
           sum(case when entry.kind = 24 and debit.code = 2030 and credit.code = 2020 then transfer.amount
                    when entry.kind = 24 and debit.code = 2020 and credit.code = 2030 then -transfer.amount else 0 end) as released,
           sum(case when entry.kind = 5 and debit.code = 2030 then transfer.amount
                    when entry.kind = 15 and credit.code = 2030 then -transfer.amount else 0 end) as applied
    from transfer
    join account debit on debit.id = transfer.debit_account
    join account credit on credit.id = transfer.credit_account
    join entry on entry.book_id = transfer.book_id and entry.number = transfer.entry_number
    where 2030 in (debit.code, credit.code)
    group by transfer.book_id, debit.currency
), known as (
    select book_id, currency from held
    union
    select book_id, currency from tranches
    union
    select book_id, currency from moved
)
select known.book_id, known.currency, held.amount as held, tranches.amount as of_tranches,
       tranches.released, moved.released as moved_released, tranches.applied, moved.applied as moved_applied
from known
left join held on held.book_id = known.book_id and held.currency = known.currency
left join tranches on tranches.book_id = known.book_id and tranches.currency = known.currency
left join moved on moved.book_id = known.book_id and moved.currency = known.currency
where coalesce(held.amount, 0) <> coalesce(tranches.amount, 0)
   or coalesce(tranches.released, 0) <> coalesce(moved.released, 0)
   or coalesce(tranches.applied, 0) <> coalesce(moved.applied, 0)
order by 1, 2;
