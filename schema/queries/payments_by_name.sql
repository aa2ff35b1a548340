-- Where these payments stand. $1 books, $2 payments.
select payment.book_id, payment.payment, payment.acquirer_id, payment.currency,
    payment.requested, payment.authorized, payment.captured, payment.over_captured, payment.voided, payment.expired,
    payment.refunded, payment.charged_back, payment.fee_returnable, payment.vat_returnable, payment.fee_returned,
    payment.vat_returned, payment.accrued, payment.dispute_fee, payment.dispute_vat, payment.unpaid, payment.expires_at,
    payment.captured_at, payment.limit_month, payment.method, payment.scheme, payment.card_country, payment.payer,
    payment.category, payment.rrn, payment.auth_code, payment.card, payment.earlier_captures, payment.final_captures,
    payment.merchant_reference, payment.refunds
from unnest($1::bigint[], $2::text[]) as wanted (book_id, payment)
join payment on payment.book_id = wanted.book_id and payment.payment = wanted.payment;
