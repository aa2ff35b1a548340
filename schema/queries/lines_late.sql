-- Lines in suspense that nobody works on, and of which nobody has undone a match, each with the one open item that has its reference of the acquirer, or its ARN where one of both has no such reference, its record type, currency and amount, and that no other line has; and the day on which both are known; the oldest first. $1 acquirer, $2 so many.
with waiting as materialized (
    select break.id, file.as_of, line.record_type, line.acquirer_reference, line.arn, line.gross, line.gross_currency
    from break
    join settlement_file_state file on file.source_id = break.source_id and file.state = 'booked'
    join settlement_line line on line.source_id = break.source_id and line.ordinal = break.ordinal
    where break.acquirer_id = $1 and break.state = 'open' and break.suspense_number is not null
        and break.class in ('MISSING_IN_LEDGER', 'STATUS_MISMATCH', 'REFUND_WITHOUT_CAPTURE', 'CHARGEBACK_UNKNOWN', 'CARRIER_SHORT')
        and not exists (select from break_proposal undone where undone.break_id = break.id and undone.state = 'reopened')
), fitting as (
    select waiting.id, waiting.as_of, item.book_id, item.number
    from waiting
    join open_item item
        on item.acquirer_reference = waiting.acquirer_reference and item.record_type = waiting.record_type
        and item.currency = waiting.gross_currency and waiting.gross in (item.gross, item.gross - item.cost)
    where item.acquirer_id = $1
    union all
    select waiting.id, waiting.as_of, item.book_id, item.number
    from waiting
    join open_item item
        on item.arn = waiting.arn and item.record_type = waiting.record_type
        and item.currency = waiting.gross_currency and waiting.gross in (item.gross, item.gross - item.cost)
    where item.acquirer_id = $1 and (item.acquirer_reference is null or waiting.acquirer_reference is null)
), pair as (
    select fitting.*, count(*) over (partition by id) as items, count(*) over (partition by book_id, number) as lines
    from fitting
)
select pair.id, pair.book_id, pair.number, greatest(pair.as_of, entry.booking_date) as day
from pair
join entry on entry.book_id = pair.book_id and entry.number = pair.number
where pair.items = 1 and pair.lines = 1
order by pair.id
limit $2;
