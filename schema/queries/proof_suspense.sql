-- What bank statements and files had put into suspense, and nobody had resolved at the end of a day: its break, how much (credit above zero), and of a
-- receipt what of its batch it settled beyond or short of what came. Of files only what is of a batch that was not paid in full. $1 day,
-- $2 time zone of the house.
with files as materialized (
    select source_id, acquirer_id, came, is_undone, gone from files_on($1)
), decided as materialized (
    select proposal_id, stands, holds from decisions_on($1)
), batches as materialized (
    select acquirer_id, batch, currency, net, settled, files from unpaid_on($1)
), held as (
    select break.id, break.class, break.acquirer_id, break.suspense_number, break.source_id, break.ordinal, break.detail, entry.booking_date
    from break
    join entry on entry.book_id = 1 and entry.number = break.suspense_number
    where break.class in ('FUNDING_MISMATCH', 'UNIDENTIFIED_RECEIPT') and entry.booking_date <= $1
        and not exists (
            select from entry reversal
            where reversal.book_id = 1 and reversal.reverses = break.suspense_number and reversal.kind = 30 and reversal.booking_date <= $1
        )
    union all
    select break.id, break.class, break.acquirer_id, break.suspense_number, break.source_id, break.ordinal, break.detail, null
    from break
    join files on files.source_id = break.source_id and files.came and not files.gone
    where break.ordinal is not null
        and (break.suspense_number is not null or break.class = 'AMOUNT_MISMATCH')
        and not (break.resolution is not distinct from 'undone' and not files.is_undone)
)
select distinct on (coalesce(held.source_id, 0), coalesce(held.ordinal, -held.id)) held.id, held.class, acquirer.name as acquirer, money.suspense_in as currency, money.suspense as amount, held.detail,
    held.booking_date, receipt.short, batches.batch is not null as unpaid
from held
join acquirer on acquirer.id = held.acquirer_id
join break_money money on money.break_id = held.id
left join settlement_line line on held.ordinal is not null and line.source_id = held.source_id and line.ordinal = held.ordinal
left join batches on batches.acquirer_id = held.acquirer_id and batches.batch = line.batch and batches.currency = line.net_currency
left join lateral (
    select sum(told.short)::bigint as short
    from (
        select told.amount - told.settled as short
        from bank_match told
        where told.book_id = 1 and told.number = held.suspense_number and told.kind = 'receipt'
        union all
        select paid.amount - paid.settled
        from break_entry booked
        join break_batch paid on paid.proposal_id = booked.proposal_id
        where booked.book_id = 1 and booked.number = held.suspense_number
    ) told
    where held.class = 'FUNDING_MISMATCH'
) receipt on true
where money.suspense <> 0 and (held.ordinal is null or batches.batch is not null)
    and not exists (
        select from break_proposal proposal
        join decided on decided.proposal_id = proposal.id and decided.holds
        where proposal.break_id = held.id
    )
    -- What paid an invoice is resolved by no proposal.
    and not (exists (select from break where break.id = held.id and break.resolution = 'match' and break.proposal_id is null)
        and exists (
            select from break_step step
            where step.break_id = held.id and step.what = 'resolved' and (step.at at time zone $2)::date <= $1
        ))
order by coalesce(held.source_id, 0), coalesce(held.ordinal, -held.id), held.id;
