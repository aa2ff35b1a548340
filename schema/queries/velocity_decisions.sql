-- What velocity rules and monthly limits decided, in the order of events. $1 merchant or null, $2 action or null.
select decision.occurred_at, book.merchant, decision.payment, decision.reference, decision.number, decision.rule, decision.rule_version,
    decision.action, decision.count, decision.max_count, decision.currency, decision.sum, decision.max_sum, decision.reason
from velocity_decision decision
join book on book.id = decision.book_id
where ($1::text is null or book.merchant = $1) and ($2::text is null or decision.action = $2)
order by decision.occurred_at, book.merchant, decision.reference, decision.fingerprint, decision.rule nulls last;
