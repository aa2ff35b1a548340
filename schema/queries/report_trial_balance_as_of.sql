-- Trial balance of what was booked up to a day, from the transfers. $1: a merchant, or null for all books; $2: the last booking date.
with moved as (
    select transfer.debit_account, transfer.credit_account, sum(transfer.amount) as amount
    from entry
    join book on book.id = entry.book_id
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    where ($1::text is null or book.merchant = $1) and entry.booking_date <= $2::date
    group by transfer.debit_account, transfer.credit_account
), sides as (
    select debit_account as account_id, amount as debits, 0 as credits from moved
    union all
    select credit_account, 0, amount from moved
)
select account.code, account_code.name, account_code.memo, account.currency, account.exponent, account.dimension,
       sum(sides.debits)::text as debits, sum(sides.credits)::text as credits
from sides
join account on account.id = sides.account_id
join account_code on account_code.number = account.code
group by account.code, account_code.name, account_code.memo, account.currency, account.exponent, account.dimension
order by account_code.memo, account.currency, account.code, account.dimension;
