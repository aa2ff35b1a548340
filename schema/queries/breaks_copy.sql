-- Takes breaks.
copy break (class, acquirer_id, source_id, ordinal, book_id, number, currency, expected, actual, suspense_number, found_in, detail)
from stdin (format binary);
