-- What is open and was made available in advance is of an entry that did so, and was not advanced beyond what it took from pending money.
with advanced as (
    select book_id, advanced as number, currency, sum(gross - merchant_fee) as amount
    from open_item
    where advanced is not null
    group by book_id, advanced, currency
), moved as (
    select transfer.book_id, transfer.entry_number as number, debit.currency, sum(transfer.amount) as amount
    from entry
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    join account debit on debit.id = transfer.debit_account and debit.code = 2010
    where entry.kind = 22
    group by transfer.book_id, transfer.entry_number, debit.currency
)
select advanced.book_id, advanced.number, advanced.currency, advanced.amount, moved.amount as moved
from advanced
left join moved on moved.book_id = advanced.book_id and moved.number = advanced.number and moved.currency = advanced.currency
where advanced.amount > coalesce(moved.amount, 0)
order by advanced.book_id, advanced.number, advanced.currency;
