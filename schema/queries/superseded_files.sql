-- Booked files of an acquirer that hold a batch and currency of this file, of which both say what is paid, or that state a balance of the same account and period, or with which this file shares half of its own lines or more than half of theirs (of those that have a reference, in batches of the same name, or where a name was no file's; of this file's a sample). $1 source, $2 acquirer, $3 names of batches that no file states, $4 so many lines are looked at.
with booked as not materialized (
    select batch.source_id, batch.batch, batch.currency, batch.payout
    from settlement_batch batch
    join settlement_file_state file on file.source_id = batch.source_id and file.state = 'booked' and file.acquirer_id = $2
    where batch.source_id <> $1
), shared as materialized (
    select batch.batch, batch.currency
    from settlement_batch batch
    where batch.source_id = $1 and exists (
        select from booked
        where booked.currency = batch.currency
            and (booked.batch = batch.batch or booked.batch = any($3::text[]) or batch.batch = any($3::text[]))
    )
), sample as materialized (
    -- By reference, so that the order of lines decides nothing. Where no batch is shared nothing is looked at.
    select line.ordinal, line.batch, line.record_type, line.acquirer_reference, line.net, line.net_currency, line.occurred_on,
        exists (select from shared where shared.batch = line.batch and shared.currency = line.net_currency) as is_shared
    from settlement_line line
    where exists (select from shared)
        and line.source_id = $1 and line.acquirer_reference is not null and line.record_type <> 6
        and hashtext(line.acquirer_reference) % greatest(1, (select max(ordinal) from settlement_line where source_id = $1) / $4) = 0
), again as materialized (
    select before.source_id, min(before.batch) as batch, count(*) * 2 >= (select count(*) from sample) as is_half
    from sample
    cross join lateral (
        select line.source_id, min(line.batch) as batch
        from settlement_line line
        where line.acquirer_reference = sample.acquirer_reference and line.record_type = sample.record_type
            and line.net = sample.net and line.net_currency = sample.net_currency and line.occurred_on = sample.occurred_on
            and line.source_id <> $1
            and (line.batch = sample.batch or line.batch = any($3::text[]) or sample.batch = any($3::text[]))
        group by line.source_id
    ) before
    join settlement_file_state file on file.source_id = before.source_id and file.state = 'booked' and file.acquirer_id = $2
    where sample.is_shared
    group by before.source_id
), theirs as materialized (
    select line.source_id, line.batch, line.record_type, line.acquirer_reference, line.net, line.net_currency, line.occurred_on
    from again
    join settlement_line line on line.source_id = again.source_id
    where not again.is_half and line.acquirer_reference is not null and line.record_type <> 6
), held as (
    select theirs.source_id, count(*) as lines
    from theirs
    where exists (
        select from settlement_line line
        where line.source_id = $1 and line.acquirer_reference = theirs.acquirer_reference and line.record_type = theirs.record_type
            and line.net = theirs.net and line.net_currency = theirs.net_currency and line.occurred_on = theirs.occurred_on
            and (line.batch = theirs.batch or line.batch = any($3::text[]) or theirs.batch = any($3::text[]))
    )
    group by theirs.source_id
), superseded as (
    select again.source_id, again.batch
    from again
    left join held on held.source_id = again.source_id
    where again.is_half or held.lines * 2 > (select count(*) from theirs where theirs.source_id = again.source_id)
)
select booked.source_id, source.name, format('batch %s', booked.batch) as what
from settlement_batch batch
join booked on booked.batch = batch.batch and booked.currency = batch.currency
join source on source.id = booked.source_id
where batch.source_id = $1 and batch.payout <> 0 and booked.payout <> 0 and batch.batch <> all($3::text[])
union
select superseded.source_id, source.name, format('batch %s', superseded.batch)
from superseded
join source on source.id = superseded.source_id
union
select earlier.source_id, source.name, format('account %s', earlier.account)
from settlement_balance balance
join settlement_balance earlier
    on earlier.acquirer_id = $2 and earlier.account = balance.account and earlier.currency = balance.currency
    and earlier.begins_at = balance.begins_at and earlier.ends_at = balance.ends_at and earlier.source_id <> balance.source_id
join settlement_file_state file on file.source_id = earlier.source_id and file.state = 'booked'
join source on source.id = earlier.source_id
where balance.source_id = $1
order by 1, 3;
