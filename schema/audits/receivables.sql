-- What a merchant owes is a receivable on the last day of a closed period and on no other: it is taken back on the day after, and nothing else moves accounts 1200.
with moved as (
    select distinct transfer.book_id, transfer.entry_number as number
    from account
    join transfer on account.id in (transfer.debit_account, transfer.credit_account)
    where account.code = 1200
)
select entry.book_id, entry.number, entry.kind, entry.booking_date, back.booking_date as back_on
from entry
left join entry back on back.book_id = entry.book_id and back.reverses = entry.number
where entry.kind = 39 and (back.number is null or back.booking_date <> entry.booking_date + 1
    or not exists (select from period where period.through = entry.booking_date))
union all
select entry.book_id, entry.number, entry.kind, entry.booking_date, null
from moved
join entry on entry.book_id = moved.book_id and entry.number = moved.number
left join entry target on target.book_id = entry.book_id and target.number = entry.reverses
where entry.kind <> 39 and target.kind is distinct from 39
order by 1, 2;
