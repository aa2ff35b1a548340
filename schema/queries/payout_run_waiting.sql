-- The run of a cut-off that waits for approvals. $1 cut-off.
select id, plan, approvers, finance_heads, first_approver, second_approver
from payout_run
where cutoff = $1 and state = 'waiting';
