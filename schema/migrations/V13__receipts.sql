-- Receipts that come before what they pay is known: what is in suspense and waits for its batch, and what it was given to.

insert into break_reason (name, resolution) values ('pays_batches', 'match');

create table bank_suspended (
    number      bigint not null,
    source_id   bigint not null,
    ordinal     integer not null,
    part        integer not null,
    line        bigint not null,
    currency    text collate "C" not null,
    amount      bigint not null,
    booked_on   date not null,
    value_on    date not null,
    words       text[] not null,
    payer       text not null,
    constraint bank_suspended_identity primary key (number),
    constraint bank_suspended_of_entry foreign key (source_id, ordinal) references bank_entry
);
comment on table bank_suspended is 'What bank statements told of, is in suspense by this entry of the house, and may pay a batch that becomes known later: what it is found by then. Signed minor units; words in capitals.';
create index break_unidentified on break (suspense_number) where class = 'UNIDENTIFIED_RECEIPT' and state <> 'resolved';

create table break_batch (
    proposal_id  bigint not null references break_proposal,
    acquirer_id  smallint not null references acquirer,
    batch        text collate "C" not null,
    currency     text collate "C" not null,
    amount       bigint not null constraint break_batch_amount check (amount <> 0),
    settled      bigint not null,
    constraint break_batch_identity primary key (proposal_id, acquirer_id, batch)
);
comment on table break_batch is 'Which batches a proposal gives the receipt of its break to: how much of it, and what of the batch is awaited no more (settled: the amount, and what is short of it). Signed minor units.';
create index break_batch_of_batch on break_batch (acquirer_id, batch, currency);

do $$
declare
    name text;
begin
    foreach name in array array['bank_suspended', 'break_batch'] loop
        execute format('create trigger %I before update or delete or truncate on %I for each statement execute function refuse_change()',
                       name || '_append_only', name);
        execute format('alter table %I enable always trigger %I', name, name || '_append_only');
    end loop;
end
$$;

create or replace view awaited as
select acquirer_id, batch, currency, sum(net)::bigint as net, sum(settled)::bigint as settled, (sum(net) - sum(settled))::bigint as open,
    max(expected_on) as expected_on, array_agg(distinct word) filter (where word is not null) as words, max(booked_on) as booked_on
from (
    select file.acquirer_id, batch.batch, batch.currency, batch.net, 0::bigint as settled, coalesce(batch.paid_on, file.as_of) as expected_on,
        null::text as word, file.as_of as booked_on
    from settlement_batch batch
    join settlement_file_state file on file.source_id = batch.source_id and file.state = 'booked'
    union all
    select file.acquirer_id, batch.batch, batch.currency, 0::bigint as net, 0::bigint as settled, null::date as expected_on, paid.word,
        null::date as booked_on
    from settlement_batch batch
    join settlement_file_state file on file.source_id = batch.source_id and file.state = 'booked'
    cross join unnest(batch.paid_as) as paid (word)
    union all
    select told.acquirer_id, told.batch, told.currency, 0::bigint as net, told.settled, null::date as expected_on, null::text as word,
        null::date as booked_on
    from bank_match told
    where told.kind = 'receipt'
    union all
    select paid.acquirer_id, paid.batch, paid.currency, 0::bigint as net, paid.settled, null::date as expected_on, null::text as word,
        null::date as booked_on
    from break_batch paid
    join break_proposal proposal on proposal.id = paid.proposal_id and proposal.state = 'executed'
) promised
group by acquirer_id, batch, currency;
comment on view awaited is 'What acquirers'' batches promise by the files that are booked, what the bank has received of it (settled, with what is short of it and in suspense; what was in suspense first counts when it is given to the batch), and what is still open. booked_on is the latest day of these files. A batch whose file was undone after its receipt is open below zero, until its file comes again.';

create or replace function unpaid_on(on_day date)
returns table (acquirer_id smallint, batch text, currency text, net bigint, settled bigint, files bigint) language sql stable
begin atomic
    select told.acquirer_id, told.batch, told.currency, sum(told.net)::bigint as net, sum(told.settled)::bigint as settled, sum(told.files) as files
    from (
        select files.acquirer_id, batch.batch, batch.currency, batch.net, 0::bigint as settled, 1 as files
        from files_on(on_day) files
        join settlement_batch batch on batch.source_id = files.source_id
        where files.came and not files.gone
        union all
        select told.acquirer_id, told.batch, told.currency, 0, told.settled, 0
        from bank_match told
        join entry on entry.book_id = told.book_id and entry.number = told.number
        where told.kind = 'receipt' and entry.booking_date <= on_day
        union all
        select paid.acquirer_id, paid.batch, paid.currency, 0, paid.settled, 0
        from break_batch paid
        join decisions_on(on_day) decided on decided.proposal_id = paid.proposal_id and decided.holds
    ) told
    group by told.acquirer_id, told.batch, told.currency
    having sum(told.net) <> sum(told.settled);
end;

grant select on bank_suspended, break_batch to acquit_runtime, acquit_auditor;
grant insert on bank_suspended, break_batch to acquit_runtime;
