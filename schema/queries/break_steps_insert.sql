-- Writes down a step of breaks. $1 breaks, $2 proposals or nulls; $3 what, $4 who, $5 owner, $6 note, $7 evidence.
insert into break_step (break_id, proposal_id, what, by, owner, note, evidence)
select step.break_id, step.proposal_id, $3, $4, $5, $6, $7
from unnest($1::bigint[], $2::bigint[]) as step (break_id, proposal_id)
order by step.break_id;
