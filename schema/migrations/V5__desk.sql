-- The break desk: what people propose, approve and do about breaks, and every step of it.

create table break_reason (
    name        text collate "C" not null,
    resolution  text collate "C" not null,
    constraint break_reason_name primary key (name),
    constraint break_reason_resolution unique (name, resolution)
);
comment on table break_reason is 'Why a break is resolved, and as what.';

insert into break_reason (name, resolution) values
    ('matched_by_hand', 'match'),
    ('belongs_to_merchant', 'adjustment'), ('offsets', 'adjustment'),
    ('uneconomic', 'write_off'), ('claim_refused', 'write_off'), ('claim_expired', 'write_off'), ('unidentified', 'write_off'),
    ('paid_later', 'recovery'),
    ('reported_later', 'timing'), ('promised', 'timing'), ('explained', 'timing');

create table break_proposal (
    id               bigint generated always as identity primary key,
    break_id         bigint not null references break,
    round            smallint not null constraint break_proposal_round check (round > 0),
    plan             bytea not null constraint break_proposal_plan check (length(plan) = 32),
    request          bytea not null constraint break_proposal_request check (length(request) = 32),
    resolution       text collate "C" not null,
    reason           text collate "C" not null,
    note             text not null,
    evidence         bytea constraint break_proposal_evidence check (length(evidence) = 32),
    merchant         text collate "C",
    recovers         bigint references break,
    quiet_until      date,
    currency         text collate "C",
    amount           bigint not null constraint break_proposal_amount check (amount >= 0),
    approvers        smallint not null constraint break_proposal_approvers check (approvers between 0 and 2),
    finance_heads    text[],
    item             text,
    withheld         bigint not null default 0 constraint break_proposal_withheld check (withheld >= 0),
    proposed_by      text not null,
    proposed_at      timestamptz not null default now(),
    state            text collate "C" not null default 'waiting'
                     constraint break_proposal_state check (state in ('waiting', 'executed', 'withdrawn', 'reopened')),
    first_approver   text,
    second_approver  text,
    constraint break_proposal_reason foreign key (reason, resolution) references break_reason (name, resolution),
    constraint break_proposal_once unique (break_id, round),
    constraint break_proposal_currency check (currency is not null or amount = 0),
    constraint break_proposal_two_people check (
        coalesce(first_approver <> proposed_by, true) and coalesce(second_approver <> proposed_by, true)
        and coalesce(first_approver <> second_approver, true)),
    constraint break_proposal_in_turn check (first_approver is not null or second_approver is null),
    constraint break_proposal_approved check (
        state in ('waiting', 'withdrawn') or num_nonnulls(first_approver, second_approver) >= approvers),
    constraint break_proposal_by_head check (
        state in ('waiting', 'withdrawn') or finance_heads is null
        or coalesce(first_approver = any(finance_heads), false) or coalesce(second_approver = any(finance_heads), false)),
    constraint break_proposal_heads check (finance_heads is null or approvers = 2)
);
comment on table break_proposal is 'How breaks are to be resolved, or were. plan is the digest of everything that is proposed together, request of what was asked; approvers is how many others have to approve, finance_heads of whom one has to be one; item is the open item that was closed, as JSON, and withheld what of it went into a reserve. Nothing that is approved changes: what should be otherwise is proposed anew.';
create unique index break_proposal_waiting_once on break_proposal (break_id) where state = 'waiting';
create unique index break_proposal_executed_once on break_proposal (break_id) where state = 'executed';
create index break_proposal_of_plan on break_proposal (plan);
create index break_proposal_recovers on break_proposal (recovers) where recovers is not null;

alter table break add constraint break_resolved_by foreign key (proposal_id) references break_proposal;

create table break_entry (
    book_id      bigint not null,
    number       bigint not null,
    break_id     bigint not null references break,
    proposal_id  bigint not null references break_proposal,
    constraint break_entry_identity primary key (book_id, number)
);
comment on table break_entry is 'Which entries a resolution booked. What reverses one names it.';
create index break_entry_of_proposal on break_entry (proposal_id);

create table break_step (
    id           bigint generated always as identity primary key,
    break_id     bigint not null references break,
    what         text collate "C" not null constraint break_step_what check (what in
                 ('assigned', 'noted', 'proposed', 'approved', 'withdrawn', 'resolved', 'recovered', 'reopened')),
    by           text not null,
    at           timestamptz not null default now(),
    owner        text,
    note         text,
    evidence     bytea constraint break_step_evidence check (length(evidence) = 32),
    proposal_id  bigint references break_proposal,
    constraint break_step_owner check ((what = 'assigned') = (owner is not null))
);
comment on table break_step is 'Every step of every break: who did what, when by the database''s clock, with which note and the SHA-256 of which evidence.';
create index break_step_of_break on break_step (break_id, id);

-- What people match: the line of a break with open items.

create table break_match (
    proposal_id  bigint not null references break_proposal,
    book_id      bigint not null,
    number       bigint not null,
    item         text,
    constraint break_match_identity primary key (proposal_id, book_id, number)
);
comment on table break_match is 'Which entries a proposal matches with the line of its break; item is the open item that was closed, as JSON.';

create table break_reserve (
    proposal_id  bigint not null references break_proposal,
    book_id      bigint not null,
    currency     text collate "C" not null,
    source_on    date not null,
    release_on   date not null,
    withheld     bigint not null constraint break_reserve_withheld check (withheld > 0),
    constraint break_reserve_identity primary key (proposal_id, book_id, currency, source_on, release_on)
);
comment on table break_reserve is 'What a match by hand put into which tranches of reserves.';

alter table settlement_match add column proposal_id bigint references break_proposal;
alter table settlement_match add constraint settlement_match_by_hand
    check ((pass = 7) = (proposal_id is not null) and (round > 0) = (proposal_id is not null));

create view standing_match as
select match.*
from settlement_match match
left join break_proposal proposal on proposal.id = match.proposal_id
where match.proposal_id is null or proposal.state = 'executed';
comment on view standing_match is 'Matches but for those that somebody made by hand and undid. Whether their file is booked still is in settlement_file_state.';

create trigger break_entry_append_only before update or delete or truncate on break_entry
    for each statement execute function refuse_change();
alter table break_entry enable always trigger break_entry_append_only;
create trigger break_step_append_only before update or delete or truncate on break_step
    for each statement execute function refuse_change();
alter table break_step enable always trigger break_step_append_only;
create trigger break_reserve_append_only before update or delete or truncate on break_reserve
    for each statement execute function refuse_change();
alter table break_reserve enable always trigger break_reserve_append_only;
create trigger break_reason_append_only before update or delete or truncate on break_reason
    for each statement execute function refuse_change();
alter table break_reason enable always trigger break_reason_append_only;
-- Breaks and proposals go on to other states, and are never gone.
create trigger break_kept before delete or truncate on break for each statement execute function refuse_change();
alter table break enable always trigger break_kept;
create trigger break_match_kept before delete or truncate on break_match for each statement execute function refuse_change();
alter table break_match enable always trigger break_match_kept;
create trigger break_proposal_kept before delete or truncate on break_proposal for each statement execute function refuse_change();
alter table break_proposal enable always trigger break_proposal_kept;

create view break_money as
select break.id as break_id, suspense.book_id as suspense_book, suspense.currency as suspense_in, suspense.amount as suspense,
    coalesce(suspense.currency, difference.currency) as stake_in, coalesce(abs(suspense.amount), difference.amount) as stake
from break
left join lateral (
    select held.book_id, held.currency, sum(held.amount)::bigint as amount
    from (
        select transfer.book_id, account.currency,
            case when account.id = transfer.credit_account then transfer.amount else -transfer.amount end as amount
        from transfer
        join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code in (1900, 2900)
        where transfer.book_id = case when break.suspense_number is null then break.book_id else 1 end
            and transfer.entry_number = coalesce(break.suspense_number, break.number)
            and (break.suspense_number is not null
                or (break.ordinal is null and break.class in ('CHARGEBACK_UNKNOWN', 'AMOUNT_MISMATCH')))
        union all
        select break.book_id, break.expected_in, break.actual - break.expected
        where break.class = 'AMOUNT_MISMATCH' and break.ordinal is not null
    ) held
    group by held.book_id, held.currency
) suspense on true
cross join lateral (
    select case
        when break.class in ('MISSING_IN_FILE', 'MISSING_RECEIPT') then break.expected_in
        when break.expected_in = break.actual_in then break.expected_in
        when break.expected_in is null then break.actual_in
    end as currency, case
        when break.class in ('MISSING_IN_FILE', 'MISSING_RECEIPT') then abs(break.expected)
        when break.expected_in = break.actual_in then abs(break.actual - break.expected)
        when break.expected_in is null then abs(break.actual)
    end as amount
) difference;
comment on view break_money is 'What each break holds in suspense, or did until it was resolved (signed: credit above zero), and what is at stake in it.';

grant select on break_reason, break_proposal, break_entry, break_step, break_match, break_reserve, break_money, standing_match to acquit_runtime, acquit_auditor;
grant insert (break_id, round, plan, request, resolution, reason, note, evidence, merchant, recovers, quiet_until, currency, amount,
    approvers, finance_heads, proposed_by) on break_proposal to acquit_runtime;
grant insert on break_entry, break_reserve to acquit_runtime;
grant insert (proposal_id, book_id, number) on break_match to acquit_runtime;
grant update (item) on break_match to acquit_runtime;
grant insert (break_id, what, by, owner, note, evidence, proposal_id) on break_step to acquit_runtime;
grant update (state, first_approver, second_approver, item, withheld) on break_proposal to acquit_runtime;
