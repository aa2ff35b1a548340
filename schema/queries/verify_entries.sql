-- Opens a cursor over entries in the order of the chain. $1: one book, or null for all.
declare verify_entries no scroll cursor for
select book_id, number, kind, reference, fingerprint, payment, acquirer_reference, merchant_reference, arn, rrn, auth_code, details,
       natural_key, reverses, occurred_at, booking_date, happened_on, recorded_at, source_id, source_line, hash
from entry
where $1::bigint is null or book_id = $1
order by book_id, number;
