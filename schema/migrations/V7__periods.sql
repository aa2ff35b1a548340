-- Closed periods: what is booked up to a day stays as it is.

create table period (
    through        date not null,
    note           text not null,
    trial_balance  text not null constraint period_trial_balance check (trial_balance ~ '^[0-9a-f]{64}$'),
    closed_by      text not null,
    closed_at      timestamptz not null default now(),
    constraint period_through primary key (through)
);
comment on table period is 'Periods that are closed: everything up to and including through. trial_balance is the SHA-256 of the trial balance of that day as CSV; nothing is booked on those days any more, so it stays what it is.';

create trigger period_append_only before update or delete or truncate on period
    for each statement execute function refuse_change();
alter table period enable always trigger period_append_only;

grant select on period to acquit_runtime, acquit_auditor;
grant insert (through, note, trial_balance, closed_by) on period to acquit_runtime;
