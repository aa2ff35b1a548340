-- Takes new payments, by book and payment.
copy payment (book_id, payment, acquirer_id, currency, authorized, captured, voided, refunded, charged_back) from stdin (format binary);
