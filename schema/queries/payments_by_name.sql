-- Where these payments stand. $1 books, $2 payments.
select payment.book_id, payment.payment, payment.acquirer_id, payment.currency, payment.authorized, payment.captured, payment.voided,
    payment.refunded, payment.charged_back
from unnest($1::bigint[], $2::text[]) as wanted (book_id, payment)
join payment on payment.book_id = wanted.book_id and payment.payment = wanted.payment;
