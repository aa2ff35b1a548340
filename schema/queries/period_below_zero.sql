-- What merchants' available balances are below zero at the end of a day: what they are now, less what moved later. $1 day, $2 code of the account.
with later as (
    select transfer.book_id, account.id as account_id,
        sum(case when account.id = transfer.credit_account then transfer.amount else -transfer.amount end) as amount
    from entry
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code = $2
    where entry.booking_date > $1
    group by transfer.book_id, account.id
)
select balance.book_id, account.currency, (balance.debits - balance.credits + coalesce(later.amount, 0))::bigint as amount
from balance
join account on account.id = balance.account_id and account.code = $2
left join later on later.book_id = balance.book_id and later.account_id = balance.account_id
where balance.debits - balance.credits + coalesce(later.amount, 0) > 0
order by balance.book_id, account.currency;
