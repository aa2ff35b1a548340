-- Locks books by id, in id order so that writers never deadlock, and reads their heads. $1 ids.
select id, merchant, number, hash, now() as recorded_at
from book
where id = any($1::bigint[])
order by id
for update;
