-- How things stood at the end of a day, for its proof: no table keeps it, it follows from booking dates.

create function files_on(on_day date)
returns table (source_id bigint, acquirer_id smallint, came boolean, is_undone boolean, gone boolean) language sql stable
begin atomic
    select file.source_id, file.acquirer_id, coalesce(booked.booking_date, file.as_of) <= on_day as came,
        undone.source_id is not null as is_undone,
        undone.source_id is not null and coalesce(reversal.booking_date, booked.booking_date, file.as_of) <= on_day as gone
    from settlement_file file
    left join file_decision released on released.source_id = file.source_id and released.decision = 'released'
    left join file_decision undone on undone.source_id = file.source_id and undone.decision = 'undone'
    -- All entries of a file are of one day, and so are those that reverse them.
    left join lateral (
        select entry.booking_date from entry where entry.source_id = file.source_id and entry.kind in (10, 11, 12) limit 1
    ) booked on true
    left join lateral (
        select entry.booking_date from entry where entry.source_id = undone.run_id and entry.kind = 30 limit 1
    ) reversal on true
    where file.state = 'booked' or released.source_id is not null;
end;
comment on function files_on is 'Settlement files that were ever booked: whether each had come by the end of a day, whether it is undone, and whether it was by then.';

create function decisions_on(on_day date)
returns table (proposal_id bigint, stands boolean, holds boolean) language sql stable
begin atomic
    select break_entry.proposal_id, bool_or(reversal.number is null) as stands,
        min(entry.booking_date) <= on_day and coalesce(max(reversal.booking_date) > on_day, true) as holds
    from break_entry
    join entry on entry.book_id = break_entry.book_id and entry.number = break_entry.number
    left join entry reversal
        on reversal.book_id = break_entry.book_id and reversal.reverses = break_entry.number and reversal.kind = 30
    group by break_entry.proposal_id;
end;
comment on function decisions_on is 'What people resolved or matched: whether it stands now, and whether it held at the end of a day; what is reopened is reversed.';

create function unpaid_on(on_day date)
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
    ) told
    group by told.acquirer_id, told.batch, told.currency
    having sum(told.net) <> sum(told.settled);
end;
comment on function unpaid_on is 'Batches that were not paid in full at the end of a day: what the files in force then promised, what the bank had settled of it, of how many files.';
