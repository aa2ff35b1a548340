-- Locks the books of merchants, in id order so that writers never deadlock, and reads their heads and up to which day the books are closed. $1 merchants.
select id, merchant, number, hash, now() as recorded_at, (select max(through) from period) as closed
from book
where merchant = any($1::text[])
order by id
for update;
