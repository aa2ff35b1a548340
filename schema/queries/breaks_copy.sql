-- Takes breaks.
copy break (class, acquirer_id, source_id, ordinal, book_id, number, expected, expected_in, actual, actual_in, suspense_number, kept_pending, found_in, detail)
from stdin (format binary);
