-- What the accounts of the proof hold in each book at the end of a day, debits above zero, added up from the transfers: as a trial balance of a past
-- day, it reads all of them. $1 day.
with moved as (
    select transfer.book_id, transfer.debit_account, transfer.credit_account, sum(transfer.amount) as amount
    from entry
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    where entry.booking_date <= $1::date
    group by transfer.book_id, transfer.debit_account, transfer.credit_account
), sides as (
    select book_id, debit_account as account_id, amount from moved
    union all
    select book_id, credit_account, -amount from moved
)
select sides.book_id, book.merchant, account.code, account.currency, account.dimension, sum(sides.amount)::text as amount
from sides
join account on account.id = sides.account_id and account.code in (1010, 1030, 1100, 1110, 1130, 1200, 2010, 2020, 2030, 2040, 2100, 2110, 2200, 2900)
join book on book.id = sides.book_id
group by sides.book_id, book.merchant, account.code, account.currency, account.dimension
order by sides.book_id, account.code, account.currency, account.dimension;
