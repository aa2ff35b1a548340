-- Moves known payments to where they stand now. $1 books, $2 payments, $3 acquirers, $4 currencies, $5 authorized, $6 captured, $7 voided, $8 refunded, $9 charged back.
update payment
set acquirer_id = moved.acquirer_id, currency = moved.currency, authorized = moved.authorized, captured = moved.captured,
    voided = moved.voided, refunded = moved.refunded, charged_back = moved.charged_back
from unnest($1::bigint[], $2::text[], $3::smallint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
    as moved (book_id, payment, acquirer_id, currency, authorized, captured, voided, refunded, charged_back)
where payment.book_id = moved.book_id and payment.payment = moved.payment;
