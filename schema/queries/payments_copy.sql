-- Takes new payments, by book and payment.
copy payment (book_id, payment, acquirer_id, currency,
    requested, authorized, captured, over_captured, voided, expired, refunded, charged_back, fee_returnable,
    vat_returnable, fee_returned, vat_returned, accrued, dispute_fee, dispute_vat, unpaid, expires_at, captured_at,
    limit_month, method, scheme, card_country, payer, category, rrn, auth_code, card, earlier_captures, final_captures,
    merchant_reference, refunds)
from stdin (format binary);
