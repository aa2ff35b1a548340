-- Captures, refunds and chargebacks that no settlement file in force at the end of a day had reported, by acquirer, currency and book; apart, by
-- its break, each that was missing by then. Of each: what it comes to by what is kept of the item, not by the books; what of it the
-- merchant is owed; what of that is in a reserve or set aside. What was reported before it was booked counts below zero. Reads the open items, the
-- matches of files that came later or were undone, and the entries booked later: what has been settled for good by then costs nothing.
-- $1 day, $2 time zone of the house.
with files as materialized (
    select source_id, acquirer_id, came, is_undone, gone from files_on($1)
), decided as materialized (
    select proposal_id, stands, holds from decisions_on($1)
), later as (
    -- What a file in force may have reported all the same: booked later, and perhaps reported before.
    select entry.book_id, entry.number
    from entry
    where entry.booking_date > $1 and entry.kind in (3, 5, 6, 7, 15, 16, 17, 18, 27)
    union
    select aggregate.book_id, aggregate.closed
    from entry
    join aggregate on aggregate.book_id = entry.book_id and aggregate.aggregate = entry.details::jsonb ->> 'aggregate' and aggregate.closed is not null
    where entry.booking_date > $1 and entry.kind = 3 and entry.details like '%"aggregate":%'
    union
    -- Opened again, and perhaps reported after that.
    select match.book_id, match.number
    from files
    join settlement_match match on match.source_id = files.source_id and match.proposal_id is null
    where files.is_undone
    union
    select match.book_id, match.number
    from decided
    join settlement_match match on match.proposal_id = decided.proposal_id
    where not decided.stands
    union
    select break.book_id, break.number
    from decided
    join break_proposal proposal on proposal.id = decided.proposal_id and proposal.item is not null
    join break on break.id = proposal.break_id
    where not decided.stands
), closures as (
    select match.book_id, match.number, sum(match.item_gross)::bigint - max(match.cost) as amount,
        (files.came and not files.gone)::integer as closed, not files.is_undone as stands
    from files
    join settlement_match match on match.source_id = files.source_id and match.proposal_id is null
    where files.is_undone or not files.came
    group by match.book_id, match.number, match.source_id, files.came, files.gone, files.is_undone
    union all
    select match.book_id, match.number, sum(match.item_gross)::bigint - max(match.cost), 1, true
    from later
    join settlement_match match on match.book_id = later.book_id and match.number = later.number and match.proposal_id is null
    join files on files.source_id = match.source_id and files.came and not files.is_undone
    group by match.book_id, match.number, match.source_id
    union all
    select match.book_id, match.number, sum(match.item_gross)::bigint - max(match.cost), decided.holds::integer, decided.stands
    from decided
    join settlement_match match on match.proposal_id = decided.proposal_id
    group by match.book_id, match.number, match.proposal_id, decided.holds, decided.stands
    union all
    select break.book_id, break.number, (proposal.item::jsonb ->> 'gross')::bigint - (proposal.item::jsonb ->> 'cost')::bigint,
        decided.holds::integer, decided.stands
    from decided
    join break_proposal proposal on proposal.id = decided.proposal_id and proposal.item is not null
    join break on break.id = proposal.break_id
), known as (
    select book_id, number, gross - cost as amount, 0 as closed, true as stands
    from open_item
    union all
    select book_id, number, amount, closed, stands
    from closures
    union all
    -- Withdrawn since, and until then open.
    select entry.book_id, entry.number, null, 0, false
    from entry withdrawal
    join entry on entry.book_id = withdrawal.book_id and entry.number = withdrawal.reverses and entry.kind in (3, 5)
    where withdrawal.kind in (15, 28) and withdrawal.booking_date > $1
    union all
    select entry.book_id, entry.number, null, 0, false
    from entry
    join entry withdrawal
        on withdrawal.book_id = entry.book_id and withdrawal.reverses = entry.number and withdrawal.kind in (15, 28) and withdrawal.booking_date <= $1
    where entry.booking_date > $1 and entry.kind in (3, 5)
), item as materialized (
    select known.book_id, known.number, max(known.amount) as amount, sum(known.closed) as closed, bool_or(known.stands) as stands
    from known
    group by known.book_id, known.number
), aggregated as materialized (
    -- Captures of aggregates that are not settled for good: each is on the books by itself.
    select entry.book_id, entry.number, aggregate.closed as handed_in, entry.details like '%"reserve_until":%' as reserved, coalesce(item.closed, 0) as closed,
        (entry.booking_date <= $1)::integer - coalesce(withdrawal.booking_date <= $1, false)::integer as times
    from aggregate
    left join item on item.book_id = aggregate.book_id and item.number = aggregate.closed
    join entry on entry.book_id = aggregate.book_id and entry.kind = 3 and entry.details like '%"aggregate":%'
        and entry.details::jsonb ->> 'aggregate' = aggregate.aggregate
    left join entry withdrawal on withdrawal.book_id = entry.book_id and withdrawal.reverses = entry.number and withdrawal.kind = 28
    where (aggregate.closed is null or item.number is not null)
        and (select exists (select from aggregate))
), counted as (
    select item.book_id, item.number, item.amount, entry.kind = 3 and entry.details like '%"reserve_until":%' as reserved,
        (entry.booking_date <= $1)::integer - item.closed
            - (not item.stands and coalesce(withdrawal.booking_date <= $1, false))::integer as times,
        case when item.closed = 0 then (entry.booking_date <= $1)::integer - (not item.stands and coalesce(withdrawal.booking_date <= $1, false))::integer
            else 0 end as owed, entry.kind, item.number as reported_as
    from item
    join entry on entry.book_id = item.book_id and entry.number = item.number
        and (entry.kind in (5, 6, 7, 15, 16, 17, 18) or (entry.kind = 3 and (entry.details is null or entry.details not like '%"aggregate":%')))
    left join entry withdrawal
        on withdrawal.book_id = entry.book_id and withdrawal.reverses = entry.number and withdrawal.kind in (15, 28) and not item.stands
    union all
    -- A capture that is reported with its aggregate is in no file no more; its part of that is taken off below.
    select book_id, number, null, reserved, times, case when closed = 0 then times else 0 end, 3, handed_in
    from aggregated
), open as (
    select counted.book_id, counted.number, counted.times, coalesce(counted.amount, moved.receivable) as amount, moved.acquirer, moved.code, moved.currency,
        counted.owed * moved.share as share, case when counted.owed = 1 then moved.held else 0 end as held,
        case when counted.owed = 1 and counted.reserved then withheld_on($1, counted.book_id, counted.number) else 0 end as withheld, missing.break_id
    from counted
    cross join lateral (
        select sum(case when debit.code in (1100, 1130) then transfer.amount when credit.code in (1100, 1130) then -transfer.amount else 0 end) as receivable,
            max(case when debit.code in (1100, 1130) then debit.dimension when credit.code in (1100, 1130) then credit.dimension end) as acquirer,
            max(case when debit.code in (1100, 1130) then debit.code when credit.code in (1100, 1130) then credit.code end) as code,
            max(case when debit.code in (1100, 1130) then debit.currency when credit.code in (1100, 1130) then credit.currency end) as currency,
            -- Of a capture less its fees; of all else what the acquirer brings or takes.
            sum(case when counted.kind <> 3 and debit.code not in (1100, 1130) and credit.code not in (1100, 1130) then 0
                     when debit.code in (2010, 2020, 2030, 2040) and credit.code in (2010, 2020, 2030, 2040) then 0
                     when credit.code in (2010, 2020, 2030, 2040) then transfer.amount
                     when debit.code in (2010, 2020, 2030, 2040) then -transfer.amount
                     else 0 end) as share,
            sum(case when counted.kind = 3 and credit.code = 2040 then transfer.amount else 0 end) as held
        from transfer
        join account debit on debit.id = transfer.debit_account
        join account credit on credit.id = transfer.credit_account
        where transfer.book_id = counted.book_id and transfer.entry_number = counted.number
    ) moved
    left join lateral (
        select max(break.id) as break_id
        from break
        join files on files.source_id = break.found_in and files.came and not files.gone
        where break.book_id = counted.book_id and break.number = counted.reported_as and break.class = 'MISSING_IN_FILE' and counted.times > 0
            -- A promise is not on the books: it counts from the day on which it was written down.
            and not (break.resolution is not distinct from 'timing' and break.proposal_id is not null and exists (
                select from break_step step
                where step.break_id = break.id and step.what = 'resolved' and (step.at at time zone $2)::date <= $1
            ))
    ) missing on true
    where counted.times <> 0
    union all
    select item.book_id, item.number, -item.closed, item.amount, acquirer.name, coalesce(owing.code, 1100::smallint), aggregate.currency, 0, 0, 0, null
    from item
    join aggregate on aggregate.book_id = item.book_id and aggregate.closed = item.number
    join acquirer on acquirer.id = aggregate.acquirer_id
    left join lateral (
        select max(account.code) as code
        from account
        where account.code in (1100, 1130) and account.dimension = acquirer.name and account.currency = aggregate.currency
    ) owing on true
    where item.closed <> 0
)
select open.acquirer, open.code, open.currency, open.book_id, open.break_id, min(break.expected_on) as expected_on, count(*) as items,
    sum(open.times * open.amount)::text as amount, sum(open.share)::text as share, sum(open.held)::text as held, sum(open.withheld)::text as withheld
from open
left join break on break.id = open.break_id
where open.acquirer is not null
group by open.acquirer, open.code, open.currency, open.book_id, open.break_id
order by open.acquirer, open.currency, open.book_id, open.break_id;
