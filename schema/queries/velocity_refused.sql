-- Events that rules or limits refused, rules first. $1 books, $2 references.
select decision.book_id, decision.reference, decision.fingerprint, decision.rule, decision.reason, decision.sum, decision.max_sum
from unnest($1::bigint[], $2::text[]) as wanted (book_id, reference)
join velocity_decision decision on decision.book_id = wanted.book_id and decision.reference = wanted.reference
where decision.action = 'refuse'
order by decision.book_id, decision.reference, decision.rule nulls last;
