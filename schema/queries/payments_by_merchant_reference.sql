-- The payments of these merchant references. $1 books, $2 merchant references.
select payment.book_id, payment.merchant_reference, payment.payment
from unnest($1::bigint[], $2::text[]) as wanted (book_id, merchant_reference)
join payment on payment.book_id = wanted.book_id and payment.merchant_reference = wanted.merchant_reference
order by payment.book_id, payment.merchant_reference, payment.payment;
