-- Ends the run of a grant, if no other was given since; says for how many milliseconds it ran. $1: task. $2: token. $3: what was
-- wrong, none where nothing was. $4: the last day that it was done for, where it is a daily task.
update worker_task set expires_at = null, ended_at = clock_timestamp(), outcome = case when $3::text is null then 'done' else 'failed' end,
    error = $3, done_at = case when $3 is null then clock_timestamp() else done_at end,
    done_through = coalesce($4::date, done_through), runs = runs + 1, failures = case when $3 is null then 0 else failures + 1 end
where name = $1 and token = $2
returning (extract(epoch from ended_at - granted_at) * 1000)::bigint as milliseconds;
