-- Gives breaks that are not resolved to somebody. $1 numbers, $2 who.
update break set state = 'investigating', owner = $2 where id = any($1::bigint[]) and state <> 'resolved';
