-- Settlement files after they were taken in: who presented, released, rejected or undid which, what each put into reserves, and
-- what its costs should have been.

create table file_decision (
    source_id      bigint not null references settlement_file,
    decision       text collate "C" not null
                   constraint file_decision_name check (decision in ('presented', 'rejected', 'released', 'undone')),
    decided_by     text not null,
    reason         text,
    presented_by   text,
    presented      text collate "C" generated always as (case when presented_by is not null then 'presented' end) stored,
    superseded_by  bigint references settlement_file,
    run_id         bigint references source,
    decided_at     timestamptz not null default now(),
    constraint file_decision_identity primary key (source_id, decision),
    constraint file_decision_by unique (source_id, decision, decided_by),
    constraint file_decision_presented foreign key (source_id, presented, presented_by)
        references file_decision (source_id, decision, decided_by),
    constraint file_decision_two_people check ((decision = 'released') = (presented_by is not null) and coalesce(presented_by <> decided_by, true)),
    constraint file_decision_reason check (reason is not null or decision in ('presented', 'undone')),
    constraint file_decision_run check ((decision = 'undone') = (run_id is not null)),
    constraint file_decision_superseded check (superseded_by is null or (decision = 'undone' and superseded_by <> source_id))
);
comment on table file_decision is 'What people decided about settlement files, each once: presented (ran its reconciliation, or asked first for its release), rejected, released (booked though it was quarantined, by somebody other than presented_by), undone. run_id is the source of the entries that reverse it, superseded_by the file that took its place.';

create table settlement_reserve (
    source_id   bigint not null,
    book_id     bigint not null,
    currency    text collate "C" not null,
    source_on   date not null,
    release_on  date not null,
    withheld    bigint not null constraint settlement_reserve_withheld check (withheld > 0),
    constraint settlement_reserve_identity primary key (source_id, book_id, currency, source_on, release_on)
);
comment on table settlement_reserve is 'What the booking of a settlement file put into which tranches of reserves.';

create table settlement_balance (
    source_id    bigint not null,
    acquirer_id  smallint not null references acquirer,
    account      text collate "C" not null,
    currency     text collate "C" not null,
    begins_at    timestamptz not null,
    ends_at      timestamptz not null constraint settlement_balance_period check (begins_at <= ends_at),
    opening      bigint not null,
    closing      bigint not null,
    constraint settlement_balance_identity primary key (source_id, account, currency, begins_at)
);
comment on table settlement_balance is 'The balances that settlement files state, minor units: what an account at the acquirer begins a period with, and what it ends it with.';

create table cost_sum (
    source_id  bigint not null,
    batch      text collate "C" not null,
    month      date not null constraint cost_sum_month check (extract(day from month) = 1),
    currency   text collate "C" not null,
    component  text collate "C" not null constraint cost_sum_component check (component in ('total', 'interchange', 'scheme_fee', 'markup')),
    term       text collate "C" not null,
    invoiced   boolean not null,
    lines      bigint not null constraint cost_sum_lines check (lines > 0),
    expected   bigint not null,
    stated     bigint not null,
    constraint cost_sum_identity primary key (source_id, batch, month, currency, component, term, invoiced)
);
comment on table cost_sum is 'What the costs of the matched lines of a settlement file come to by contract (expected) and by the file (stated), minor units, by batch, month of the lines and term of the contract; the term is empty for what no term prices. invoiced: not deducted, but awaited on the invoice of the month.';

create table tolerated (
    source_id  bigint not null,
    currency   text collate "C" not null,
    used       bigint not null constraint tolerated_used check (used > 0),
    constraint tolerated_identity primary key (source_id, currency)
);
comment on table tolerated is 'How far the gross amounts of matched lines of a settlement file are from those of their items, each within the tolerance: Σ without sign, minor units.';

create table cost_claim (
    source_id    bigint not null references source,
    place        integer not null constraint cost_claim_place check (place > 0),
    acquirer_id  smallint not null references acquirer,
    ordinal      integer,
    batch        text collate "C" not null,
    currency     text collate "C" not null,
    component    text collate "C" not null constraint cost_claim_component check (component in ('total', 'interchange', 'scheme_fee', 'markup')),
    term         text collate "C" not null,
    lines        bigint not null constraint cost_claim_lines check (lines > 0),
    expected     bigint not null,
    stated       bigint not null constraint cost_claim_differs check (stated <> expected),
    since        date not null,
    booked_on    date not null,
    detail       text,
    proposal_id  bigint references break_proposal,
    constraint cost_claim_identity primary key (source_id, place),
    constraint cost_claim_of_line check ((ordinal is null) = (detail is not null))
);
comment on table cost_claim is 'Costs that are not those of the contract, minor units: of a line, or, in one sum, of what is tolerated of the lines of a batch. The break of a line is its FEE_MISMATCH, that of a batch the one of the same detail. proposal_id: of a line that people matched, and with their match.';

create table acquirer_invoice (
    acquirer_id  smallint not null references acquirer,
    invoice      text collate "C" not null,
    month        date not null constraint acquirer_invoice_month check (extract(day from month) = 1),
    currency     text collate "C" not null,
    interchange  bigint not null,
    scheme_fee   bigint not null,
    markup       bigint not null,
    vat          bigint not null,
    expected     bigint,
    booked_on    date not null,
    booked_by    text not null,
    number       bigint not null,
    paid_on      date,
    paid_by      text,
    payment      bigint,
    constraint acquirer_invoice_identity primary key (acquirer_id, invoice),
    constraint acquirer_invoice_amounts check (
        interchange >= 0 and scheme_fee >= 0 and markup >= 0 and vat >= 0 and interchange + scheme_fee + markup + vat > 0),
    constraint acquirer_invoice_paid check ((payment is null) = (paid_on is null) and (payment is null) = (paid_by is null))
);
comment on table acquirer_invoice is 'Invoices of acquirers that settle in full, minor units; expected is what they should have been by contract, without VAT, when they were booked. number and payment are entries of the house.';

do $$
declare
    name text;
begin
    foreach name in array array['file_decision', 'settlement_reserve', 'settlement_balance', 'cost_sum', 'tolerated', 'cost_claim'] loop
        execute format('create trigger %I before update or delete or truncate on %I for each statement execute function refuse_change()',
                       name || '_append_only', name);
        execute format('alter table %I enable always trigger %I', name, name || '_append_only');
    end loop;
end
$$;

-- An invoice goes on to be paid, and is never gone.
create trigger acquirer_invoice_kept before delete or truncate on acquirer_invoice for each statement execute function refuse_change();
alter table acquirer_invoice enable always trigger acquirer_invoice_kept;

create view settlement_file_state as
select file.source_id, file.acquirer_id, file.as_of,
    case
        when undone.superseded_by is not null then 'superseded'
        when undone.source_id is not null then 'undone'
        when released.source_id is not null then 'booked'
        when rejected.source_id is not null then 'rejected'
        else file.state
    end as state
from settlement_file file
left join file_decision undone on undone.source_id = file.source_id and undone.decision = 'undone'
left join file_decision released on released.source_id = file.source_id and released.decision = 'released'
left join file_decision rejected on rejected.source_id = file.source_id and rejected.decision = 'rejected';
comment on view settlement_file_state is 'How each settlement file stands: booked, quarantined, rejected, undone, or superseded by another file. Only what is booked counts.';

grant select on file_decision, settlement_reserve, settlement_balance, settlement_file_state, cost_sum, tolerated, cost_claim, acquirer_invoice to acquit_runtime, acquit_auditor;
grant insert (source_id, decision, decided_by, reason, presented_by, superseded_by, run_id) on file_decision to acquit_runtime;
grant insert on settlement_reserve, settlement_balance, cost_sum, tolerated, cost_claim to acquit_runtime;
grant insert (acquirer_id, invoice, month, currency, interchange, scheme_fee, markup, vat, expected, booked_on, booked_by, number)
    on acquirer_invoice to acquit_runtime;
grant update (paid_on, paid_by, payment) on acquirer_invoice to acquit_runtime;

create index settlement_batch_name on settlement_batch (batch);
create index settlement_balance_of_account on settlement_balance (acquirer_id, account, currency, ends_at);
