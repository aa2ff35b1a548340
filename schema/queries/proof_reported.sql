-- What merchants are owed of captures, refunds and chargebacks that a file has reported, and whose batch was not paid in full at the end of a day, by
-- book and currency; what of that is in a reserve that is not released by then, or set aside. Reads the lines of these batches. $1 day.
with files as materialized (
    select source_id, acquirer_id, came, is_undone, gone from files_on($1)
), decided as materialized (
    select proposal_id, stands, holds from decisions_on($1)
), batches as materialized (
    select acquirer_id, batch, currency, net, settled, files from unpaid_on($1)
), item as (
    select match.book_id, match.number, sum(match.item_gross)::bigint as gross, max(match.merchant_fee) as merchant_fee, max(case when match.reserve_until > $1 then match.reserve else 0 end) as reserve,
        bool_or(match.matures) as matures, coalesce(sum(match.passed_on), 0) + coalesce(sum(match.passed_on_vat), 0) as passed_on
    from batches
    join settlement_batch batch on batch.batch = batches.batch and batch.currency = batches.currency
    join files on files.source_id = batch.source_id and files.acquirer_id = batches.acquirer_id and files.came and not files.gone
    join settlement_line line on line.source_id = batch.source_id and line.batch = batch.batch and line.net_currency = batch.currency
    join settlement_match match on match.source_id = line.source_id and match.ordinal = line.ordinal
    left join decided on decided.proposal_id = match.proposal_id
    where match.proposal_id is null or decided.holds
    group by match.book_id, match.number
), part as materialized (
    -- What an item is made of: itself, or the captures of its aggregate. Each by its key: a book may have many entries.
    select item.book_id, item.number, item.matures, item.number as part
    from item
    where not exists (select from aggregate where aggregate.book_id = item.book_id and aggregate.closed = item.number)
    union all
    select item.book_id, item.number, item.matures, capture.number
    from item
    join aggregate on aggregate.book_id = item.book_id and aggregate.closed = item.number
    join entry capture on capture.book_id = aggregate.book_id and capture.kind = 3 and capture.details like '%"aggregate":%'
        and capture.details::jsonb ->> 'aggregate' = aggregate.aggregate
    where not exists (select from entry withdrawal where withdrawal.book_id = capture.book_id and withdrawal.reverses = capture.number)
), moved as (
    -- What was reported before it was booked is owed to nobody yet.
    select part.book_id, part.number, max(debit.currency) as currency,
        sum(case when entry.booking_date > $1 then 0
                 when entry.kind <> 3 and debit.code not in (1100, 1130) and credit.code not in (1100, 1130) then 0
                 when debit.code in (2010, 2020, 2030, 2040) and credit.code in (2010, 2020, 2030, 2040) then 0
                 when credit.code in (2010, 2020, 2030, 2040) then transfer.amount
                 when debit.code in (2010, 2020, 2030, 2040) then -transfer.amount
                 else 0 end) as share,
        sum(case when entry.booking_date <= $1 and entry.kind = 3 and credit.code = 2040 then transfer.amount else 0 end) as held
    from part
    join entry on entry.book_id = part.book_id and entry.number = part.part
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    join account debit on debit.id = transfer.debit_account and debit.code < 9000
    join account credit on credit.id = transfer.credit_account
    group by part.book_id, part.number
), withheld as (
    -- A match withholds; what matures, its day does, each capture of an aggregate by itself.
    select part.book_id, part.number, sum(withheld_on($1, part.book_id, part.part)) as amount
    from part
    where part.matures
    group by part.book_id, part.number
)
select item.book_id, coalesce(aggregate.currency, moved.currency) as currency, sum(coalesce(moved.share, 0) - item.passed_on)::text as share,
    sum(coalesce(moved.held, 0))::text as held,
    sum(case when item.matures then coalesce(withheld.amount, 0) else item.reserve end)::text as withheld
from item
left join aggregate on aggregate.book_id = item.book_id and aggregate.closed = item.number
left join moved on moved.book_id = item.book_id and moved.number = item.number
left join withheld on withheld.book_id = item.book_id and withheld.number = item.number
group by item.book_id, coalesce(aggregate.currency, moved.currency)
order by item.book_id, coalesce(aggregate.currency, moved.currency);
