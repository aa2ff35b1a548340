-- How often payments expired. $1 books, $2 payments.
select entry.book_id, entry.payment, count(*) as times
from unnest($1::bigint[], $2::text[]) as wanted (book_id, payment)
join entry on entry.book_id = wanted.book_id and entry.payment = wanted.payment and entry.kind = 13
group by entry.book_id, entry.payment;
