-- Marks holds as released. $1 ids, $2 the entries that released them, $3 by whom.
update hold
set released = done.number, released_by = $3
from unnest($1::bigint[], $2::bigint[]) as done (id, number)
where hold.id = done.id and hold.released is null;
