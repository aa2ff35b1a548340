-- How every task stands, and what time it is.
select name, token, holder, granted_at, expires_at, ended_at, outcome, error, done_at, done_through, runs, failures, lost,
    clock_timestamp() as now
from worker_task
order by name;
