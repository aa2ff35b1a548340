-- Takes the entries of bank statements.
copy bank_entry (source_id, ordinal, statement, line, status, booked_on, value_on, amount, bank_reference, customer_reference, code, counterparty, text, raw)
from stdin (format binary);
