-- The entries that events undo or answer, one row a transfer. $1 books, $2 references.
select entry.book_id, entry.reference, entry.number, entry.kind, entry.payment, entry.occurred_at, entry.booking_date,
    entry.details,
    exists (select from entry undoing where undoing.book_id = entry.book_id and undoing.reverses = entry.number) as undone,
    item.number is not null as open, item.advanced is not null as advanced, item.reserve_until,
    exists (select from hold where hold.book_id = entry.book_id and hold.number = entry.number and hold.released is not null)
        as hold_released,
    exists (select from entry paid where paid.book_id = entry.book_id
        and paid.natural_key = 'refund paid' || chr(9) || entry.reference) as paid,
    debit.code as debit_code, debit.currency as debit_currency, debit.dimension as debit_dimension,
    credit.code as credit_code, credit.currency as credit_currency, credit.dimension as credit_dimension, transfer.amount
from unnest($1::bigint[], $2::text[]) as wanted (book_id, reference)
join entry on entry.book_id = wanted.book_id and entry.reference = wanted.reference
left join open_item item on item.book_id = entry.book_id and item.number = entry.number
left join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
left join account debit on debit.id = transfer.debit_account
left join account credit on credit.id = transfer.credit_account
order by entry.book_id, entry.number, transfer.ordinal;
