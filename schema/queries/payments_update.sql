-- Moves known payments to where they stand now. $1 books, $2 payments, from $3 on their columns in the order of the list.
update payment
set acquirer_id = moved.acquirer_id, currency = moved.currency, requested = moved.requested, authorized = moved.authorized,
    captured = moved.captured, over_captured = moved.over_captured, voided = moved.voided, expired = moved.expired,
    refunded = moved.refunded, charged_back = moved.charged_back, fee_returnable = moved.fee_returnable,
    vat_returnable = moved.vat_returnable, fee_returned = moved.fee_returned, vat_returned = moved.vat_returned,
    accrued = moved.accrued, dispute_fee = moved.dispute_fee, dispute_vat = moved.dispute_vat, unpaid = moved.unpaid,
    expires_at = moved.expires_at, captured_at = moved.captured_at, limit_month = moved.limit_month, method = moved.method,
    scheme = moved.scheme, card_country = moved.card_country, payer = moved.payer, category = moved.category,
    rrn = moved.rrn, auth_code = moved.auth_code, card = moved.card,
    earlier_captures = moved.earlier_captures, final_captures = moved.final_captures, merchant_reference = moved.merchant_reference,
    refunds = moved.refunds
from unnest(
    $1::bigint[], $2::text[], $3::smallint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
    $17::text[], $18::bigint[], $19::bigint[], $20::bigint[], $21::timestamptz[], $22::timestamptz[], $23::date[],
    $24::text[], $25::text[], $26::text[], $27::text[], $28::text[],
    $29::text[], $30::text[], $31::text[], $32::text[], $33::bigint[], $34::text[], $35::bigint[])
    as moved (book_id, payment, acquirer_id, currency, requested, authorized, captured, over_captured, voided, expired, refunded,
        charged_back, fee_returnable, vat_returnable, fee_returned, vat_returned, accrued, dispute_fee,
        dispute_vat, unpaid, expires_at, captured_at, limit_month, method, scheme, card_country, payer,
        category, rrn, auth_code, card, earlier_captures, final_captures, merchant_reference, refunds)
where payment.book_id = moved.book_id and payment.payment = moved.payment;
