-- Prolongs a grant that is not over. $1: task. $2: token. $3: for how long from now, in milliseconds.
update worker_task set expires_at = clock_timestamp() + $3::bigint * interval '1 millisecond'
where name = $1 and token = $2 and expires_at > clock_timestamp();
