-- Withdraws what waits to be approved of breaks. $1 breaks.
update break_proposal
set state = 'withdrawn'
where break_id = any($1::bigint[]) and state = 'waiting'
returning break_id, id;
