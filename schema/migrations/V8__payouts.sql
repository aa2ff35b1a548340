-- Payouts: the runs that people approve, what is paid, and the bank files.

create table payout_run (
    id               bigint generated always as identity primary key,
    cutoff           date not null,
    plan             bytea not null constraint payout_run_plan check (length(plan) = 32),
    planners         text[] not null constraint payout_run_planners
                     check (cardinality(planners) > 0 and array_position(planners, null) is null),
    approvers        smallint not null constraint payout_run_approvers check (approvers between 0 and 2),
    finance_heads    text[],
    first_approver   text,
    second_approver  text,
    state            text collate "C" not null default 'waiting'
                     constraint payout_run_state check (state in ('waiting', 'approved', 'void')),
    approved         boolean not null generated always as (state = 'approved') stored,
    constraint payout_run_is_approved unique (id, approved),
    constraint payout_run_two_people check (
        coalesce(first_approver <> all (planners), true) and coalesce(second_approver <> all (planners), true)
        and coalesce(first_approver <> second_approver, true)),
    constraint payout_run_in_turn check (first_approver is not null or second_approver is null),
    constraint payout_run_approved check (state <> 'approved' or num_nonnulls(first_approver, second_approver) >= approvers),
    constraint payout_run_by_head check (
        state <> 'approved' or finance_heads is null
        or coalesce(first_approver = any (finance_heads), false) or coalesce(second_approver = any (finance_heads), false)),
    constraint payout_run_heads check (finance_heads is null or approvers = 2)
);
create unique index payout_run_waiting_once on payout_run (cutoff) where state = 'waiting';
comment on table payout_run is 'Payouts of a cut-off that are approved together. plan is the digest of what they are (schema/audits works it out again), so who approves approves exactly that; approvers is how many others have to, finance_heads of whom one has to be one. Payouts that come to be others make it void.';

create table payout (
    id              bigint generated always as identity primary key,
    book_id         bigint not null,
    currency        text collate "C" not null,
    exponent        smallint not null,
    cutoff          date not null,
    amount          bigint not null constraint payout_amount check (amount > 0),
    fee             bigint not null constraint payout_fee check (fee >= 0),
    vat             bigint not null constraint payout_vat check (vat >= 0),
    state           text collate "C" not null default 'planned'
                    constraint payout_state check (state in
                    ('planned', 'approved', 'instructed', 'sent', 'unknown', 'confirmed', 'returned', 'cancelled')),
    end_to_end_id   text collate "C" not null,
    holder          text not null,
    destination     text not null,
    bank            text not null,
    planned_by      text not null,
    run_id          bigint,
    approved        boolean generated always as (case when state not in ('planned', 'cancelled') then true end) stored,
    file_id         bigint references source,
    instruction     bigint,
    confirmation    bigint,
    unknown_on      date,
    unknown_by      text,
    unknown_note    text,
    returned_on     date,
    returned_by     text,
    return_reason   text,
    return_entry    bigint,
    constraint payout_once unique (book_id, currency, cutoff),
    constraint payout_end_to_end_id unique (book_id, end_to_end_id),
    constraint payout_of_run foreign key (run_id) references payout_run,
    constraint payout_approved check (approved is null or run_id is not null),
    constraint payout_of_approved_run foreign key (run_id, approved) references payout_run (id, approved),
    constraint payout_instructed check (
        (instruction is not null) = (state in ('instructed', 'sent', 'unknown', 'confirmed', 'returned'))),
    constraint payout_filed check ((file_id is not null) = (instruction is not null)),
    constraint payout_confirmed check (
        case when confirmation is null then state <> 'confirmed' else state in ('confirmed', 'returned') end),
    constraint payout_unknown check (
        num_nonnulls(unknown_on, unknown_by, unknown_note) = case when unknown_on is null then 0 else 3 end
        and (state <> 'unknown' or unknown_on is not null)),
    constraint payout_returned check (
        num_nonnulls(returned_on, returned_by, return_reason, return_entry) = case when state = 'returned' then 4 else 0 end)
);
create index payout_cutoff on payout (cutoff);
create index payout_waiting on payout (cutoff) where state in ('planned', 'approved');
create index payout_file_id on payout (file_id) where file_id is not null;
create index payout_returns on payout (book_id) where state = 'returned';
create index payout_run_id on payout (run_id) where run_id is not null;
comment on table payout is 'At most one payout per (merchant, currency, cut-off), for ever; instruction, confirmation and return_entry are entries of the merchant''s book. The merchant receives the amount, and pays fee and VAT beside it. run_id is the run it was approved with; approved is true exactly while that has to be an approved one.';

create table payout_file (
    source_id  bigint primary key references source,
    cutoff     date not null,
    ordinal    integer not null,
    format     text collate "C" not null constraint payout_file_format check (format in ('csv', 'pain.001', 'pain.001.03', 'nacha')),
    execute_on date not null,
    written    boolean not null default false,
    sent_on    date,
    sent_by    text,
    constraint payout_file_once unique (cutoff, ordinal),
    constraint payout_file_sent check ((sent_on is null) = (sent_by is null) and (written or sent_on is null))
);
comment on table payout_file is 'Bank files of instructed payouts. written is set after the file is on disk; until then instructing again writes it, byte for byte the same. execute_on is the day on which the bank is to pay, sent_on the day on which the bank was given it.';

-- Runs and payouts go on to other states, and are never gone.
create trigger payout_run_kept before delete or truncate on payout_run for each statement execute function refuse_change();
alter table payout_run enable always trigger payout_run_kept;
create trigger payout_kept before delete or truncate on payout for each statement execute function refuse_change();
alter table payout enable always trigger payout_kept;

grant select on payout_run, payout, payout_file to acquit_runtime, acquit_auditor;
grant insert (cutoff, plan, planners, approvers, finance_heads) on payout_run to acquit_runtime;
grant insert (book_id, currency, exponent, cutoff, amount, fee, vat, end_to_end_id, holder, destination, bank, planned_by) on payout
    to acquit_runtime;
grant insert (source_id, cutoff, ordinal, format, execute_on) on payout_file to acquit_runtime;
grant update (state, first_approver, second_approver) on payout_run to acquit_runtime;
grant update (state, run_id, file_id, instruction, confirmation, unknown_on, unknown_by, unknown_note, returned_on, returned_by, return_reason,
    return_entry) on payout to acquit_runtime;
grant update (written, sent_on, sent_by) on payout_file to acquit_runtime;
