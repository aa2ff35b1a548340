-- What accounts 5060 took of merchants who owe us is the sum of the losses that are booked, less what came back; each is an entry that says so, and no more came back than it was.
with booked as (
    select loss.book_id, loss.currency, sum(case when loss.recovers is null then loss.amount else -loss.amount end) as amount,
           count(*) filter (where entry.number is null) as unbooked,
           count(*) filter (where loss.recovers is null and loss.recovered <> coalesce(back.amount, 0)) as miscounted
    from loss
    left join entry on entry.book_id = loss.book_id and entry.number = loss.number
        and entry.kind = case when loss.recovers is null then 32 else 33 end
    left join lateral (
        select sum(recovery.amount) as amount from loss recovery where recovery.recovers = loss.id and recovery.state = 'booked'
    ) back on true
    where loss.state = 'booked'
    group by loss.book_id, loss.currency
), moved as (
    select entry.book_id, account.currency,
           sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end) as amount
    from entry
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code = 5060
    where entry.kind in (32, 33)
    group by entry.book_id, account.currency
)
select coalesce(booked.book_id, moved.book_id) as book_id, coalesce(booked.currency, moved.currency) as currency,
       booked.amount as booked, moved.amount as moved, booked.unbooked, booked.miscounted
from booked
full join moved on moved.book_id = booked.book_id and moved.currency = booked.currency
where coalesce(booked.amount, 0) <> coalesce(moved.amount, 0) or booked.unbooked > 0 or booked.miscounted > 0
order by 1, 2;
