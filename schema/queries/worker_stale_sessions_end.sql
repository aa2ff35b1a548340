-- Ends the transactions of earlier grants of a task: they cannot commit any more, and may hold locks. $1: task. $2: the token of the
-- grant that stands.
select count(pg_terminate_backend(pid)) as ended
from pg_stat_activity
where datname = current_database()
    and case when application_name ~ ('^acquit worker ' || $1::text || ' [0-9]{1,18}$')
        then split_part(application_name, ' ', 4)::bigint < $2 else false end;
