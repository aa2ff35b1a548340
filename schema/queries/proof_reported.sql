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
)
select item.book_id, moved.currency, sum(moved.share - item.passed_on)::text as share, sum(moved.held)::text as held, sum(reserved.withheld)::text as withheld
from item
join entry on entry.book_id = item.book_id and entry.number = item.number
left join aggregate on entry.kind = 27 and aggregate.book_id = entry.book_id and aggregate.closed = entry.number
cross join lateral (
    -- What was reported before it was booked is owed to nobody yet.
    select coalesce(aggregate.currency, max(debit.currency)) as currency,
        coalesce(sum(case when part.booking_date > $1 then 0
                 when part.kind <> 3 and debit.code not in (1100, 1130) and credit.code not in (1100, 1130) then 0
                 when debit.code in (2010, 2020, 2030, 2040) and credit.code in (2010, 2020, 2030, 2040) then 0
                 when credit.code in (2010, 2020, 2030, 2040) then transfer.amount
                 when debit.code in (2010, 2020, 2030, 2040) then -transfer.amount
                 else 0 end), 0) as share,
        coalesce(sum(case when part.booking_date <= $1 and part.kind = 3 and credit.code = 2040 then transfer.amount else 0 end), 0) as held
    from entry part
    join transfer on transfer.book_id = part.book_id and transfer.entry_number = part.number
    join account debit on debit.id = transfer.debit_account and debit.code < 9000
    join account credit on credit.id = transfer.credit_account
    where part.book_id = entry.book_id and case when aggregate.closed is null then part.number = entry.number
        else part.kind = 3 and part.details like '%"aggregate":%' and part.details::jsonb ->> 'aggregate' = aggregate.aggregate
            and not exists (select from entry withdrawal where withdrawal.book_id = part.book_id and withdrawal.reverses = part.number) end
) moved
cross join lateral (
    -- A match withholds; what matures, its day does, each capture of an aggregate by itself.
    select case when not item.matures then item.reserve when aggregate.closed is null then withheld_on($1, item.book_id, item.number)
        else (
            select sum(withheld_on($1, part.book_id, part.number))
            from entry part
            where part.book_id = item.book_id and part.kind = 3 and part.details like '%"aggregate":%' and part.details::jsonb ->> 'aggregate' = aggregate.aggregate
                and not exists (select from entry withdrawal where withdrawal.book_id = part.book_id and withdrawal.reverses = part.number)
        ) end as withheld
) reserved
group by item.book_id, moved.currency
order by item.book_id, moved.currency;
