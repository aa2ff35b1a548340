-- Tasks that run by themselves, and which worker may run each: a lease with a token that no other grant has.
--
-- Every transaction of a task proves with its COMMIT that its token is still the one of the lease, so a worker that was stopped
-- and wakes when another has taken its task over commits nothing. The clock is the database's.

create table worker_task (
    name        text collate "C" not null constraint worker_task_identity primary key
                constraint worker_task_name check (name ~ '^[a-z_]{1,30}$'),
    token       bigint not null default 0 constraint worker_task_token check (token >= 0),
    holder      text,
    granted_at  timestamptz,
    expires_at  timestamptz,
    ended_at    timestamptz,
    outcome     text constraint worker_task_outcome check (outcome in ('done', 'failed')),
    error       text,
    done_at     timestamptz,
    done_through date,
    runs        bigint not null default 0,
    failures    bigint not null default 0,
    lost        bigint not null default 0,
    constraint worker_task_granted check ((token > 0) = (holder is not null and granted_at is not null)),
    constraint worker_task_ended check ((ended_at is null) = (outcome is null)),
    constraint worker_task_failed check ((outcome is not distinct from 'failed') = (error is not null)),
    constraint worker_task_failures check ((outcome is not distinct from 'failed') = (failures > 0))
);
comment on table worker_task is 'Tasks that run by themselves. token: how often each was granted; holder: who has, or had, it last; expires_at: until when, none where nobody runs it; outcome, error, ended_at: of the last run that ended; done_through: the last day that a daily task was done for; failures: how many runs in a row failed; lost: how many grants ran out before their run ended.';

-- Called in one message with COMMIT: a worker that is stopped in between holds no lock of this row.
create function worker_fence(task text, granted bigint) returns void language plpgsql as $$
begin
    perform from worker_task where name = task and token = granted and expires_at > clock_timestamp() for share;
    if not found then
        raise exception using
            errcode = 'WL001',
            message = format('grant %s of task %s is over', granted, task);
    end if;
end
$$;

grant select on worker_task to acquit_runtime, acquit_auditor;
grant insert (name) on worker_task to acquit_runtime;
grant update (token, holder, granted_at, expires_at, ended_at, outcome, error, done_at, done_through, runs, failures, lost)
    on worker_task to acquit_runtime;
