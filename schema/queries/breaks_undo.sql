-- Resolves breaks whose match is undone. $1 numbers.
update break set state = 'resolved', resolution = 'undone' where id = any($1::bigint[]) and state <> 'resolved';
