-- The entries of a file of bank statements, and what each came to, part by part. $1 source.
select entry.ordinal, entry.line, statement.currency, entry.status, entry.booked_on, entry.value_on, entry.amount, entry.bank_reference,
    entry.counterparty, entry.text, coalesce(told.kind, case statement.state when 'booked' then '' else statement.state end) as kind,
    told.amount as part, acquirer.name as acquirer, told.batch, told.settled, book.merchant, told.number, posted.reference
from bank_entry entry
left join bank_statement statement on statement.source_id = entry.source_id and statement.ordinal = entry.statement
left join bank_match told on told.source_id = entry.source_id and told.ordinal = entry.ordinal
left join acquirer on acquirer.id = told.acquirer_id
left join book on book.id = told.book_id
left join entry posted on posted.book_id = told.book_id and posted.number = told.number
where entry.source_id = $1
order by entry.ordinal, told.part;
