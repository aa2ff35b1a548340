-- The entries that events undo or answer, one row a transfer; looked up one by one, since a join might read all entries instead. $1 books, $2 references.
select entry.book_id, entry.reference, entry.number, entry.kind, entry.payment, entry.occurred_at, coalesce(entry.happened_on, entry.booking_date) as booking_date,
    entry.details, entry.undone, entry.open, entry.advanced, entry.reserve_until, entry.hold_released, entry.paid,
    transfer.debit_code, transfer.debit_currency, transfer.debit_dimension,
    transfer.credit_code, transfer.credit_currency, transfer.credit_dimension, transfer.amount
from unnest($1::bigint[], $2::text[]) as wanted (book_id, reference)
cross join lateral (
    select entry.*,
        exists (select from entry undoing where undoing.book_id = entry.book_id and undoing.reverses = entry.number) as undone,
        item.number is not null as open, item.advanced is not null as advanced, item.reserve_until,
        exists (select from hold where hold.book_id = entry.book_id and hold.number = entry.number and hold.released is not null)
            as hold_released,
        exists (select from entry paid where paid.book_id = entry.book_id
            and paid.natural_key = 'refund paid' || chr(9) || entry.reference) as paid
    from entry
    left join open_item item on item.book_id = entry.book_id and item.number = entry.number
    where entry.book_id = wanted.book_id and entry.reference = wanted.reference
    limit 1
) entry
left join lateral (
    select transfer.ordinal, transfer.amount,
        debit.code as debit_code, debit.currency as debit_currency, debit.dimension as debit_dimension,
        credit.code as credit_code, credit.currency as credit_currency, credit.dimension as credit_dimension
    from transfer
    join account debit on debit.id = transfer.debit_account
    join account credit on credit.id = transfer.credit_account
    where transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    offset 0
) transfer on true
order by entry.book_id, entry.number, transfer.ordinal;
