-- Grants a task to a worker, unless it was granted since, or somebody has it. Waits for nobody. $1: task. $2: its token as it was
-- read. $3: the holder. $4: for how long, in milliseconds.
update worker_task set token = token + 1, holder = $3, granted_at = clock_timestamp(),
    expires_at = clock_timestamp() + $4::bigint * interval '1 millisecond', lost = lost + (expires_at is not null)::int
where name = (
    select name from worker_task
    where name = $1 and token = $2 and (expires_at is null or expires_at <= clock_timestamp())
    for no key update skip locked
)
returning token, clock_timestamp() as now;
