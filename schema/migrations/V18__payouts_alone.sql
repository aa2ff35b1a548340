-- A payout of which no file has a line is of a balance until the lines come: decided when it is read, not when it is booked.

comment on column settlement_batch.of_balance is 'Whether its lines move a balance that the acquirer keeps, or its payout takes of one, as the file says: then the payout alone is promised, not what the lines come to. So it is as well of a payout of which no booked file has a line.';

-- Payouts that came back to the acquirer: what a later batch brings, the one before does not promise any more.

create table settlement_return (
    source_id   bigint not null,
    ordinal     integer not null,
    acquirer_id smallint not null,
    batch       text not null collate "C",
    currency    text not null collate "C",
    amount      bigint not null,
    constraint settlement_return_identity primary key (source_id, ordinal),
    constraint settlement_return_amount check (amount > 0)
);
comment on table settlement_return is 'Lines of settlement files that bring what an earlier batch had paid and the bank sent back, and that batch: it is paid with the batch of the line, while the file is booked.';
create trigger settlement_return_append_only before update or delete or truncate on settlement_return for each statement execute function refuse_change();
alter table settlement_return enable always trigger settlement_return_append_only;
grant select on settlement_return to acquit_runtime, acquit_auditor;
grant insert on settlement_return to acquit_runtime;

create or replace view awaited as
select acquirer_id, batch, currency, net, settled, net - settled as open, expected_on, words, booked_on
from (
    select acquirer_id, batch, currency, (sum(net) + case when sum(lines) = 0 then sum(payout) else 0 end)::bigint as net,
        sum(settled)::bigint as settled, max(expected_on) as expected_on, array_agg(distinct word) filter (where word is not null) as words,
        max(booked_on) as booked_on
    from (
        select file.acquirer_id, batch.batch, batch.currency, case when batch.of_balance then batch.payout else batch.net end as net,
            case when batch.of_balance then 0 else batch.lines end as lines, case when batch.of_balance then 0 else batch.payout end as payout,
            0::bigint as settled, coalesce(batch.paid_on, file.as_of) as expected_on, null::text as word, file.as_of as booked_on
        from settlement_batch batch
        join settlement_file_state file on file.source_id = batch.source_id and file.state = 'booked'
        union all
        select file.acquirer_id, batch.batch, batch.currency, 0::bigint as net, 0::bigint as lines, 0::bigint as payout, 0::bigint as settled,
            null::date as expected_on, paid.word, null::date as booked_on
        from settlement_batch batch
        join settlement_file_state file on file.source_id = batch.source_id and file.state = 'booked'
        cross join unnest(batch.paid_as) as paid (word)
        union all
        select told.acquirer_id, told.batch, told.currency, 0::bigint as net, 0::bigint as lines, 0::bigint as payout, told.settled,
            null::date as expected_on, null::text as word, null::date as booked_on
        from bank_match told
        where told.kind = 'receipt'
        union all
        select returned.acquirer_id, returned.batch, returned.currency, 0::bigint as net, 0::bigint as lines, 0::bigint as payout,
            returned.amount as settled, null::date as expected_on, null::text as word, null::date as booked_on
        from settlement_return returned
        join settlement_file_state file on file.source_id = returned.source_id and file.state = 'booked'
        union all
        select paid.acquirer_id, paid.batch, paid.currency, 0::bigint as net, 0::bigint as lines, 0::bigint as payout, paid.settled,
            null::date as expected_on, null::text as word, null::date as booked_on
        from break_batch paid
        join break_proposal proposal on proposal.id = paid.proposal_id and proposal.state = 'executed'
    ) told
    group by acquirer_id, batch, currency
) promised;
comment on view awaited is 'What acquirers'' batches promise by the files that are booked (of a balance that the acquirer keeps, and where no file has a line, the payouts), what the bank has received of it, or has come back and is paid with a later batch (settled, with what is short of it and in suspense; what was in suspense first counts when it is given to the batch), and what is still open. booked_on is the latest day of these files. A batch whose file was undone after its receipt is open below zero, until its file comes again.';

create or replace function unpaid_on(on_day date)
returns table (acquirer_id smallint, batch text, currency text, net bigint, settled bigint, files bigint) language sql stable
begin atomic
    with promised as (
        select told.acquirer_id, told.batch, told.currency, sum(told.net)::bigint as net,
            (case when sum(told.lines) = 0 then sum(told.payout) else sum(told.payout) filter (where told.of_balance) end)::bigint as payout,
            sum(told.settled)::bigint as settled, sum(told.files) as files,
            bool_or(told.of_balance) or (sum(told.lines) = 0 and sum(told.payout) <> 0) as of_balance, min(told.as_of) as as_of
        from (
            select files.acquirer_id, batch.batch, batch.currency, batch.net, batch.lines, batch.payout,
                0::bigint as settled, 1 as files, batch.of_balance, file.as_of
            from files_on(on_day) files
            join settlement_batch batch on batch.source_id = files.source_id
            join settlement_file file on file.source_id = files.source_id
            where files.came and not files.gone
            union all
            select told.acquirer_id, told.batch, told.currency, 0 as net, 0 as lines, 0 as payout, told.settled, 0 as files, false as of_balance, null::date as as_of
            from bank_match told
            join entry on entry.book_id = told.book_id and entry.number = told.number
            where told.kind = 'receipt' and entry.booking_date <= on_day
            union all
            select paid.acquirer_id, paid.batch, paid.currency, 0 as net, 0 as lines, 0 as payout, paid.settled, 0 as files, false as of_balance, null::date as as_of
            from break_batch paid
            join decisions_on(on_day) decided on decided.proposal_id = paid.proposal_id and decided.holds
        ) told
        group by told.acquirer_id, told.batch, told.currency
    ), back as (
        -- What came back and was paid with a later batch, once that is paid.
        select returned.acquirer_id, returned.batch, returned.currency, sum(returned.amount)::bigint as amount
        from settlement_return returned
        join files_on(on_day) files on files.source_id = returned.source_id and files.came and not files.gone
        join settlement_line line on line.source_id = returned.source_id and line.ordinal = returned.ordinal
        join promised with_it
            on with_it.acquirer_id = returned.acquirer_id and with_it.batch = line.batch and with_it.currency = returned.currency
            and with_it.net = with_it.settled
        group by returned.acquirer_id, returned.batch, returned.currency
    ), told as (
        select promised.acquirer_id, promised.batch, promised.currency, promised.net, promised.payout,
            promised.settled + coalesce(back.amount, 0) as settled, promised.files, promised.of_balance, promised.as_of
        from promised
        left join back on back.acquirer_id = promised.acquirer_id and back.batch = promised.batch and back.currency = promised.currency
    ), kept as (
        -- What a balance earned, in its order, and what the bank has received of it: the oldest is paid first.
        select told.*, sum(told.net) over before - told.net as earlier, sum(told.net) over before as until,
            sum(told.net) over whole as earned, sum(told.settled) over whole as received,
            row_number() over before = count(*) over whole as is_last
        from told
        where told.of_balance
        window whole as (partition by told.acquirer_id, told.currency),
            before as (partition by told.acquirer_id, told.currency order by told.as_of, told.batch rows unbounded preceding)
    ), paid as (
        select kept.acquirer_id, kept.batch, kept.currency, kept.net, kept.files,
            (least(kept.until, kept.received) - least(kept.earlier, kept.received)
                + case when kept.is_last then greatest(kept.received - kept.earned, 0) else 0 end)::bigint as settled
        from kept
    )
    select told.acquirer_id, told.batch, told.currency, told.net, told.settled, told.files
    from told
    where not told.of_balance and told.net <> told.settled
    union all
    select paid.acquirer_id, paid.batch, paid.currency, paid.net, paid.settled, paid.files
    from paid
    where paid.net <> paid.settled
    union all
    -- What left a balance and has not come is told as its payout, and taken off what the balance has.
    select told.acquirer_id, told.batch, told.currency, told.payout as net, told.settled, told.files
    from told
    where told.of_balance and told.payout <> 0 and told.payout <> told.settled
    union all
    select told.acquirer_id, ''::text as batch, told.currency, -sum(told.payout - told.settled)::bigint as net, 0::bigint as settled, sum(told.files)::bigint as files
    from told
    where told.of_balance and told.payout <> 0 and told.payout <> told.settled
    group by told.acquirer_id, told.currency;
end;
comment on function unpaid_on is 'Batches that were not paid in full at the end of a day: what the files in force then promised, what the bank had settled of it, or had come back and was paid with a later batch by then, of how many files. Where the acquirer keeps a balance: what was earned and is not received, the oldest first; and payouts that have not come, which the nameless batch takes off again.';
