-- What the books have on a bank account by other ways than its statements, and no statement has told of. $1 bank account, $2 currency, $3 first day, $4 last day.
select entry.book_id, entry.number, kind.name as kind, entry.reference, entry.booking_date,
    sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end)::bigint as amount
from entry
join entry_kind kind on kind.id = entry.kind
join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code = 1010 and account.dimension = $1 and account.currency = $2
where entry.kind in (15, 19, 21, 38) and entry.booking_date between $3 and $4
    and not exists (select from bank_match told where told.book_id = entry.book_id and told.number = entry.number)
group by entry.book_id, entry.number, kind.name, entry.reference, entry.booking_date
having sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end) <> 0
order by entry.book_id, entry.number;
