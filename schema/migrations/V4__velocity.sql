-- Velocity rules: what they count, and what they and monthly limits decided.

create table velocity_activity (
    book_id      bigint not null,
    number       bigint not null,
    payer        text collate "C",
    method       text collate "C",
    category     text collate "C",
    occurred_at  timestamptz not null,
    currency     text collate "C" not null,
    amount       bigint not null constraint velocity_activity_amount check (amount >= 0),
    constraint velocity_activity_identity primary key (book_id, occurred_at, number)
);
comment on table velocity_activity is 'Authorizations that some velocity rule looked at, whatever the rule: number is the entry of the book.';
create index velocity_activity_of_payer on velocity_activity (payer, occurred_at) where payer is not null;

create table velocity_decision (
    book_id       bigint not null,
    payment       text collate "C" not null,
    reference     text collate "C" not null,
    fingerprint   bytea not null constraint velocity_decision_fingerprint check (length(fingerprint) = 32),
    number        bigint,
    rule          text collate "C",
    rule_version  date not null,
    action        text collate "C" not null constraint velocity_decision_action check (action in ('flag', 'hold', 'refuse')),
    count         bigint,
    max_count     bigint,
    currency      text collate "C" not null,
    sum           bigint not null,
    max_sum       bigint,
    reason        text not null,
    occurred_at   timestamptz not null,
    constraint velocity_decision_once unique nulls not distinct (book_id, reference, fingerprint, rule),
    constraint velocity_decision_refused check (action <> 'refuse' or number is null),
    constraint velocity_decision_limit check (max_count is not null or max_sum is not null)
);
comment on table velocity_decision is 'What velocity rules said of events above their limits, and (without a rule) monthly limits. number is the entry of the book, null where the event was refused; fingerprint is that of the event, so that a refused event that comes again meets the same decision.';
create index velocity_decision_hold on velocity_decision (book_id, payment) where action = 'hold' and number is not null;

create trigger velocity_decision_append_only before update or delete or truncate on velocity_decision
    for each statement execute function refuse_change();
alter table velocity_decision enable always trigger velocity_decision_append_only;

grant select on velocity_activity, velocity_decision to acquit_runtime, acquit_auditor;
grant insert on velocity_activity, velocity_decision to acquit_runtime;
