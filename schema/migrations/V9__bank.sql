-- The bank: statements that were taken in, what each of their entries came to, and what acquirers' batches still await.

insert into account_code (number, name, side, dimension, may_cross_zero, memo) values
    (4080, 'income:interest', 'credit', 'none', false, false),
    (5050, 'cost:bank',       'debit',  'bank', true,  false);
insert into entry_kind (id, name) values (41, 'bank_entry');
alter table source drop constraint source_kind;
alter table source add constraint source_kind check (kind in ('events', 'settlement', 'payout', 'run', 'bank'));

alter table settlement_batch add column paid_on date;
alter table settlement_batch add column paid_as text[] not null default '{}';
comment on column settlement_batch.paid_on is 'The latest day on which a line says that its money moves, where any does.';
comment on column settlement_batch.paid_as is 'The words that name its payment, one text a payout row.';

-- What is on our bank accounts by another way than a statement: refunds that left by transfer, or came back, and payouts.
create index entry_on_bank on entry (booking_date) where kind in (15, 19, 21, 38);

create table bank_file (
    source_id   bigint primary key references source,
    state       text collate "C" not null constraint bank_file_state check (state in ('booked', 'quarantined')),
    reason      text,
    format      text collate "C" not null,
    statements  integer not null,
    entries     integer not null,
    rejects     bigint not null,
    constraint bank_file_reason check ((state = 'quarantined') = (reason is not null))
);
comment on table bank_file is 'Files of bank statements taken in: booked whole, or quarantined whole and nothing posted.';

create table bank_statement (
    source_id     bigint not null,
    ordinal       integer not null,
    line          bigint not null,
    state         text collate "C" not null constraint bank_statement_state check (state in ('booked', 'repeated', 'information')),
    account       text collate "C" not null,
    currency      text collate "C" not null,
    statement_id  text collate "C" not null,
    sequence      text collate "C",
    from_on       date not null,
    until_on      date not null,
    opening       bigint,
    closing       bigint,
    entries       integer not null,
    content       bytea not null constraint bank_statement_content check (length(content) = 32),
    constraint bank_statement_identity primary key (source_id, ordinal),
    constraint bank_statement_period check (from_on <= until_on),
    constraint bank_statement_balances check (state = 'information' or (opening is not null and closing is not null))
);
create unique index bank_statement_once on bank_statement (account, currency, until_on, content) where state = 'booked';
create index bank_statement_of_account on bank_statement (account, currency, until_on);
comment on table bank_statement is 'The statements of bank files, minor units. booked: what it says is on the books; repeated: a booked one says the same; information: told for information, and stated elsewhere. content is the SHA-256 of its day, balances and amounts, by which it is known in any format.';

create table bank_entry (
    source_id           bigint not null,
    ordinal             integer not null,
    statement           integer not null,
    line                bigint not null,
    status              text collate "C" not null constraint bank_entry_status check (status in ('booked', 'pending', 'information', 'future')),
    booked_on           date,
    value_on            date,
    amount              bigint not null,
    bank_reference      text collate "C",
    customer_reference  text collate "C",
    code                text collate "C",
    counterparty        text,
    text                text,
    raw                 text not null,
    constraint bank_entry_identity primary key (source_id, ordinal)
);
create index bank_entry_reference on bank_entry (bank_reference) where bank_reference is not null;
comment on table bank_entry is 'The entries of bank statements in our terms, and as they came (card numbers masked). Signed minor units, positive is money to us.';

create table bank_match (
    source_id    bigint not null,
    ordinal      integer not null,
    part         integer not null constraint bank_match_part check (part > 0),
    kind         text collate "C" not null
                 constraint bank_match_kind check (kind in ('receipt', 'payout', 'return', 'recorded', 'charge', 'interest', 'suspense')),
    amount       bigint not null constraint bank_match_amount check (amount <> 0),
    acquirer_id  smallint references acquirer,
    batch        text collate "C",
    currency     text collate "C" not null,
    settled      bigint,
    book_id      bigint not null,
    number       bigint not null,
    constraint bank_match_identity primary key (source_id, ordinal, part),
    constraint bank_match_entry foreign key (source_id, ordinal) references bank_entry,
    constraint bank_match_receipt check (num_nonnulls(acquirer_id, batch, settled) = case kind when 'receipt' then 3 else 0 end)
);
create index bank_match_of_entry on bank_match (book_id, number);
create index bank_match_of_batch on bank_match (acquirer_id, batch, currency) where kind = 'receipt';
comment on table bank_match is 'What each entry of a bank statement came to, part by part: the entry of the books that has it on 1010, and, of a receipt, the batch that it pays and what of that is awaited no more (settled: the amount, and what is short of it). Signed minor units.';

create table bank_reject (
    source_id  bigint not null,
    place      integer not null,
    line       bigint not null,
    field      text not null,
    reason     text not null,
    constraint bank_reject_identity primary key (source_id, place)
);
comment on table bank_reject is 'What of quarantined bank files could not be read: where and why (the first 10,000 of a file).';

do $$
declare
    name text;
begin
    foreach name in array array['bank_file', 'bank_statement', 'bank_entry', 'bank_match', 'bank_reject'] loop
        execute format('create trigger %I before update or delete or truncate on %I for each statement execute function refuse_change()',
                       name || '_append_only', name);
        execute format('alter table %I enable always trigger %I', name, name || '_append_only');
    end loop;
end
$$;

create view awaited as
select acquirer_id, batch, currency, sum(net)::bigint as net, sum(settled)::bigint as settled, (sum(net) - sum(settled))::bigint as open,
    max(expected_on) as expected_on, array_agg(distinct word) filter (where word is not null) as words
from (
    select file.acquirer_id, batch.batch, batch.currency, batch.net, 0::bigint as settled, coalesce(batch.paid_on, file.as_of) as expected_on,
        null::text as word
    from settlement_batch batch
    join settlement_file_state file on file.source_id = batch.source_id and file.state = 'booked'
    union all
    select file.acquirer_id, batch.batch, batch.currency, 0::bigint as net, 0::bigint as settled, null::date as expected_on, paid.word
    from settlement_batch batch
    join settlement_file_state file on file.source_id = batch.source_id and file.state = 'booked'
    cross join unnest(batch.paid_as) as paid (word)
    union all
    select told.acquirer_id, told.batch, told.currency, 0::bigint as net, told.settled, null::date as expected_on, null::text as word
    from bank_match told
    where told.kind = 'receipt'
) promised
group by acquirer_id, batch, currency;
comment on view awaited is 'What acquirers'' batches promise by the files that are booked, what the bank has received of it (settled, with what is short of it and in suspense), and what is still open. A batch whose file was undone after its receipt is open below zero, until its file comes again.';

grant select on bank_file, bank_statement, bank_entry, bank_match, bank_reject, awaited to acquit_runtime, acquit_auditor;
grant insert on bank_file, bank_statement, bank_entry, bank_match, bank_reject to acquit_runtime;
