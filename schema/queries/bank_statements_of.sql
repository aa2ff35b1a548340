-- The statements of a file, in its order. $1 source.
select state, account, currency, statement_id, from_on, until_on, opening, closing, entries
from bank_statement
where source_id = $1
order by ordinal;
