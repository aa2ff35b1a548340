-- No payout took more than the merchant had available when it was instructed.
with available as (
    select transfer.book_id, transfer.entry_number, transfer.ordinal, account.currency,
           sum(case when account.id = transfer.credit_account then transfer.amount else -transfer.amount end)
               over (partition by transfer.book_id, account.id order by transfer.entry_number, transfer.ordinal) as amount
    from account
    join transfer on account.id in (transfer.debit_account, transfer.credit_account)
    where account.code = 2020
)
select payout.id, payout.book_id, payout.currency, payout.amount, available.amount as left_over
from payout
join available
    on available.book_id = payout.book_id and available.entry_number = payout.instruction and available.currency = payout.currency
where available.amount < 0
order by payout.id;
