-- Batches of which this file has lines and says no payout, and of which booked files of the acquirer, but for some, have the payout and all that it is of: what they have, and what is more of it here, without lines that repeat theirs; but not where the payout is of both, the sign aside. $1 source, $2 acquirer, $3 sources that do not count, this one too, $4 names of batches that no file states.
with before as (
    select other.batch, other.currency, sum(other.net)::bigint as paid, sum(other.payout) as payout, min(source.name) filter (where other.payout <> 0) as file
    from settlement_batch own
    join settlement_batch other on other.batch = own.batch and other.currency = own.currency and not other.of_balance
    join settlement_file_state file on file.source_id = other.source_id and file.state = 'booked' and file.acquirer_id = $2
    join source on source.id = other.source_id
    where own.source_id = $1 and own.lines > 0 and own.payout = 0 and not own.of_balance
        and own.batch <> all($4::text[]) and other.source_id <> all($3::bigint[])
    group by other.batch, other.currency
    having sum(other.payout) <> 0 and abs(sum(other.payout)) = abs(sum(other.net))
)
select before.batch, before.currency, before.file, before.paid, more.net as more
from before
cross join lateral (
    select coalesce(sum(line.net), 0)::bigint as net
    from settlement_line line
    where line.source_id = $1 and line.batch = before.batch and line.net_currency = before.currency and line.record_type <> 6
        and not exists (
            select from settlement_line again
            join settlement_file_state file on file.source_id = again.source_id and file.state = 'booked' and file.acquirer_id = $2
            where again.acquirer_reference = line.acquirer_reference and again.record_type = line.record_type
                and again.net = line.net and again.net_currency = line.net_currency and again.occurred_on = line.occurred_on
                and again.batch = line.batch and again.source_id <> all($3::bigint[])
        )
) more
where more.net <> 0 and abs(before.paid + more.net) <> abs(before.payout)
order by before.batch, before.currency;
