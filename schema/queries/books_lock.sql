-- Locks books by id, in id order so that writers never deadlock, and reads their heads and up to which day the books are closed. $1 ids.
select id, merchant, number, hash, now() as recorded_at, (select max(through) from period) as closed
from book
where id = any($1::bigint[])
order by id
for update;
