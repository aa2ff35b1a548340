-- Resolves breaks whose line and item somebody matched. $1 numbers.
update break set state = 'resolved', resolution = 'match' where id = any($1::bigint[]) and state <> 'resolved' returning id;
