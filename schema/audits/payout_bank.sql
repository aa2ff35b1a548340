-- What payouts took from our bank accounts, by book and currency, is the sum of those that are confirmed and did not come back; nothing stays on 2110.
with moved as (
    select transfer.book_id, account.currency,
           sum(case when account.code = 1010 then case when account.id = transfer.credit_account then transfer.amount else -transfer.amount end else 0 end) as paid,
           sum(case when account.code = 2110 then case when account.id = transfer.credit_account then transfer.amount else -transfer.amount end else 0 end) as kept
    from entry
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code in (1010, 2110)
    where entry.kind in (20, 21, 38)
    group by transfer.book_id, account.currency
), stated as (
    select book_id, currency, sum(amount) as paid
    from payout
    where state = 'confirmed'
    group by book_id, currency
)
select coalesce(moved.book_id, stated.book_id) as book_id, coalesce(moved.currency, stated.currency) as currency,
       moved.paid, moved.kept, stated.paid as confirmed
from moved
full join stated on stated.book_id = moved.book_id and stated.currency = moved.currency
where coalesce(moved.paid, 0) <> coalesce(stated.paid, 0) or coalesce(moved.kept, 0) <> 0
order by 1, 2;
