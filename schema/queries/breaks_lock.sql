-- Locks breaks by number. $1 numbers.
select id, state, resolution, proposal_id
from break
where id = any($1::bigint[])
order by id
for update;
