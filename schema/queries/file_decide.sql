-- Keeps what somebody decided about a settlement file, unless that was decided before. $1 source, $2 decision, $3 by, $4 reason, $5 presented by,
-- $6 superseded by, $7 run.
insert into file_decision (source_id, decision, decided_by, reason, presented_by, superseded_by, run_id)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (source_id, decision) do nothing;
