-- Keeps of a run of a file who presented an earlier one. $1 its source, $2 that of the earlier one, null where there is none.
insert into file_decision (source_id, decision, decided_by, reason)
select $1, presented.decision, presented.decided_by, presented.reason
from file_decision presented
where presented.source_id = $2 and presented.decision = 'presented';
