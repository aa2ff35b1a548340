-- The last step of each break. $1 breaks.
select distinct on (break_id) break_id, what, by, note from break_step where break_id = any($1::bigint[]) order by break_id, id desc;
