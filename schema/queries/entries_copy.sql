-- Takes entries, by book and number.
copy entry (book_id, number, kind, reference, fingerprint, payment, acquirer_reference, merchant_reference, arn, rrn, auth_code, details,
    natural_key, reverses, occurred_at, booking_date, happened_on, recorded_at, source_id, source_line, hash)
from stdin (format binary);
