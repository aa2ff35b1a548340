-- Payments whose captures a velocity rule holds, each with the first such rule. $1 books, $2 payments.
select decision.book_id, decision.payment, min(decision.rule) as rule
from unnest($1::bigint[], $2::text[]) as wanted (book_id, payment)
join velocity_decision decision on decision.book_id = wanted.book_id and decision.payment = wanted.payment
where decision.action = 'hold' and decision.number is not null
group by decision.book_id, decision.payment;
