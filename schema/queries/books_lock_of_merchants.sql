-- Locks the books of merchants, in id order so that writers never deadlock, and reads their heads. $1 merchants.
select id, merchant, number, hash, now() as recorded_at
from book
where merchant = any($1::text[])
order by id
for update;
