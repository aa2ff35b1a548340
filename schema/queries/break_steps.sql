-- Every step of a break, in order. $1 break.
select step.what, step.by, step.at, step.owner, step.note, step.evidence, proposal.resolution, proposal.reason, proposal.plan
from break_step step
left join break_proposal proposal on proposal.id = step.proposal_id
where step.break_id = $1
order by step.id;
