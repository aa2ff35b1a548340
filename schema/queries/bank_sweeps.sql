-- Moves between two accounts of the house of which a statement of the second has told and none of the first, as they are on the second.
-- $1 what the first is in the books, $2 the second, $3 currency.
select told.number, told.amount, coalesce(entry.value_on, entry.booked_on, statement.until_on) as value_on
from bank_match told
join bank_entry entry on entry.source_id = told.source_id and entry.ordinal = told.ordinal
join bank_statement statement on statement.source_id = entry.source_id and statement.ordinal = entry.statement and statement.code = $2
where told.kind = 'sweep' and told.currency = $3
    and exists (
        select from transfer
        join account debit on debit.id = transfer.debit_account
        join account credit on credit.id = transfer.credit_account
        where transfer.book_id = told.book_id and transfer.entry_number = told.number and $1 in (debit.code, credit.code)
    )
    and not exists (
        select from bank_match also
        join bank_entry entry on entry.source_id = also.source_id and entry.ordinal = also.ordinal
        join bank_statement statement on statement.source_id = entry.source_id and statement.ordinal = entry.statement and statement.code = $1
        where also.book_id = told.book_id and also.number = told.number
    )
order by told.number;
