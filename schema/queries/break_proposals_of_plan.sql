-- Everything that was proposed together, by break. $1, $2 the lowest and the highest digest that is meant.
select id, break_id, round, plan, request, reason, note, evidence, merchant, recovers, quiet_until, approvers, finance_heads, item, withheld,
    proposed_by, state, first_approver, second_approver
from break_proposal
where plan between $1::bytea and $2::bytea
order by break_id, id;
