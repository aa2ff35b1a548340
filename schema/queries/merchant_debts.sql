-- What merchants owe: available balances below zero, what they have beside, and since when the oldest of the debt is there: what came in paid
-- the oldest first, so what was debited last is what is left. The day on which a period showed it as a receivable is none. $1 merchant, or null.
select book.merchant, account.currency, balance.debits - balance.credits as below_zero, beside.amount as beside, debt.since
from balance
join account on account.id = balance.account_id and account.code = 2020
join book on book.id = balance.book_id
cross join lateral (
    select coalesce(sum(other.credits - other.debits), 0)::bigint as amount
    from balance other
    join account of_other on of_other.id = other.account_id and of_other.code in (2010, 2030, 2040)
    where other.book_id = balance.book_id and of_other.currency = account.currency
) beside
cross join lateral (
    select min(debited.booking_date) as since
    from (
        select entry.booking_date,
            sum(transfer.amount) over (order by transfer.entry_number desc, transfer.ordinal desc) - transfer.amount as later
        from transfer
        join entry on entry.book_id = transfer.book_id and entry.number = transfer.entry_number
        left join entry target on target.book_id = entry.book_id and target.number = entry.reverses
        where transfer.book_id = balance.book_id and transfer.debit_account = account.id and target.kind is distinct from 39
    ) debited
    where debited.later < balance.debits - balance.credits
) debt
where balance.debits > balance.credits and book.merchant is not null and ($1::text is null or book.merchant = $1)
order by debt.since, book.merchant, account.currency;
