-- Somebody works on breaks. $1 numbers.
update break set state = 'investigating' where id = any($1::bigint[]) and state = 'open';
