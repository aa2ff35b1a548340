-- What the suspense accounts hold is what open breaks suspended: unmatched lines, differences of matched lines beyond tolerance, and what was taken of or given back for payments that are not there, less what came back of it.
with held as (
    select account.dimension as acquirer, account.currency,
           sum(case when account.code = 2900 then balance.credits - balance.debits else -(balance.debits - balance.credits) end) as amount
    from balance
    join account on account.id = balance.account_id
    where account.code in (1900, 2900)
    group by account.dimension, account.currency
), suspended as (
    -- A line in suspense may have several breaks; its money is there once.
    select distinct acquirer.name as acquirer, line.source_id, line.ordinal, line.net_currency as currency,
           line.net + line.commission + line.markup + line.scheme_fee + line.interchange + line.tax + line.reserve as amount
    from break
    join acquirer on acquirer.id = break.acquirer_id
    join settlement_line line on line.source_id = break.source_id and line.ordinal = break.ordinal
    where break.state <> 'resolved' and break.suspense_number is not null
      and not exists (
          select from standing_match match where match.source_id = line.source_id and match.ordinal = line.ordinal
      )
    union all
    select acquirer.name, line.source_id, line.ordinal, line.gross_currency, match.line_gross - match.item_gross
    from break
    join acquirer on acquirer.id = break.acquirer_id
    join settlement_line line on line.source_id = break.source_id and line.ordinal = break.ordinal
    join standing_match match on match.source_id = line.source_id and match.ordinal = line.ordinal
    where break.state <> 'resolved' and break.class = 'AMOUNT_MISMATCH' and break.ordinal is not null
    union all
    select account.dimension, null, null, account.currency,
           case when account.id = transfer.credit_account then transfer.amount else -transfer.amount end
    from entry
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code in (1900, 2900)
    where entry.kind in (6, 7, 16, 17, 18)
      and (account.id = (case account.code when 1900 then transfer.credit_account else transfer.debit_account end)
           or exists (select from break where break.book_id = entry.book_id and break.number = entry.number and break.ordinal is null
                      and break.class in ('CHARGEBACK_UNKNOWN', 'AMOUNT_MISMATCH') and break.state <> 'resolved'))
    union all
    -- What a bank statement told of is in the house's book.
    select account.dimension, null, null, account.currency,
           case when account.id = transfer.credit_account then transfer.amount else -transfer.amount end
    from break
    join transfer on transfer.book_id = 1 and transfer.entry_number = break.suspense_number
    join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code in (1900, 2900)
    where break.state <> 'resolved' and break.class in ('FUNDING_MISMATCH', 'UNIDENTIFIED_RECEIPT')
), owed as (
    select acquirer, currency, sum(amount) as amount from suspended group by acquirer, currency
)
select coalesce(held.acquirer, owed.acquirer) as acquirer, coalesce(held.currency, owed.currency) as currency,
       held.amount as held, owed.amount as suspended
from held
full join owed on owed.acquirer = held.acquirer and owed.currency = held.currency
where coalesce(held.amount, 0) <> coalesce(owed.amount, 0)
order by 1, 2;
