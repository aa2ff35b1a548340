-- A payout that came back may do so again: it is paid once the last batch that brings it is. Where the file of one that came back is
-- gone, what brings it is still told.

create or replace function unpaid_on(on_day date)
returns table (acquirer_id smallint, batch text, currency text, net bigint, settled bigint, files bigint) language sql stable
begin atomic
    with recursive promised as (
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
            union all
            -- So a batch is there that came back and of which the file is gone.
            select returned.acquirer_id, returned.batch, returned.currency, 0 as net, 0 as lines, 0 as payout, 0::bigint as settled, 0 as files,
                false as of_balance, null::date as as_of
            from settlement_return returned
            join files_on(on_day) files on files.source_id = returned.source_id and files.came and not files.gone
        ) told
        group by told.acquirer_id, told.batch, told.currency
    ), brought as (
        select returned.acquirer_id, returned.batch, returned.currency, returned.amount, line.batch as with_batch
        from settlement_return returned
        join files_on(on_day) files on files.source_id = returned.source_id and files.came and not files.gone
        join settlement_line line on line.source_id = returned.source_id and line.ordinal = returned.ordinal
    ), whole as (
        -- Paid by the bank, or brought by a batch that is: that one may have come back as well.
        select promised.acquirer_id, promised.batch, promised.currency
        from promised
        where promised.net = promised.settled
        union
        select brought.acquirer_id, brought.batch, brought.currency
        from brought
        join whole on whole.acquirer_id = brought.acquirer_id and whole.batch = brought.with_batch and whole.currency = brought.currency
    ), back as (
        -- What came back and was paid with a later batch, once that is paid.
        select brought.acquirer_id, brought.batch, brought.currency, sum(brought.amount)::bigint as amount
        from brought
        join whole on whole.acquirer_id = brought.acquirer_id and whole.batch = brought.with_batch and whole.currency = brought.currency
        group by brought.acquirer_id, brought.batch, brought.currency
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
