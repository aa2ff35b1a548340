-- What waits to be approved of breaks, or resolved them, by break. $1 numbers of breaks.
select id, break_id, round, plan, request, reason, note, evidence, merchant, recovers, quiet_until, approvers, finance_heads, item, withheld,
    proposed_by, state, first_approver, second_approver
from break_proposal
where break_id = any($1::bigint[]) and state in ('waiting', 'executed')
order by break_id;
