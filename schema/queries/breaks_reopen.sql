-- Opens breaks again. $1 numbers.
update break
set state = 'open', resolution = null, proposal_id = null, quiet_until = null
where id = any($1::bigint[]) and state = 'resolved';
