-- Lines that no pass matched, with what they may be: a repetition of a line that an earlier file settled (by its ARN and amount, where neither line has a reference of the acquirer), or an item in another currency (by its ARN, where the line has no other reference). $1 source, $2 acquirer, $3 ordinals.
declare undecided no scroll cursor for
with undecided as materialized (
    select line.*
    from unnest($3::integer[]) as wanted (ordinal)
    join settlement_line line on line.source_id = $1 and line.ordinal = wanted.ordinal
), earlier as (
    select undecided.ordinal as repeat, line.source_id, line.ordinal, line.line
    from undecided
    join settlement_line line
        on line.acquirer_reference = undecided.acquirer_reference and line.record_type = undecided.record_type
        and line.gross_currency = undecided.gross_currency and line.source_id <> $1
    where undecided.record_type in (1, 2, 3, 4, 8, 9, 10)
    union all
    select undecided.ordinal, line.source_id, line.ordinal, line.line
    from undecided
    join settlement_line line
        on line.arn = undecided.arn and line.acquirer_reference is null and line.record_type = undecided.record_type
        and line.gross_currency = undecided.gross_currency and line.gross = undecided.gross and line.source_id <> $1
    where undecided.record_type in (1, 2, 3, 4, 8, 9, 10) and undecided.acquirer_reference is null
), repeated as (
    select distinct on (earlier.repeat) earlier.repeat as ordinal, source.name, earlier.line
    from earlier
    join settlement_file_state file on file.source_id = earlier.source_id and file.acquirer_id = $2 and file.state = 'booked'
    join standing_match match on match.source_id = earlier.source_id and match.ordinal = earlier.ordinal
    join source on source.id = earlier.source_id
    order by earlier.repeat, earlier.source_id, earlier.ordinal
), elsewhere as (
    select undecided.ordinal, item.book_id, item.number, item.currency, item.gross
    from undecided
    join open_item item
        on item.acquirer_id = $2 and item.acquirer_reference = undecided.acquirer_reference
        and item.record_type = undecided.record_type and item.currency <> undecided.gross_currency
    where undecided.record_type in (1, 2, 3, 4, 8, 9, 10)
    union all
    select undecided.ordinal, item.book_id, item.number, item.currency, item.gross
    from undecided
    join open_item item
        on item.acquirer_id = $2 and item.arn = undecided.arn
        and item.record_type = undecided.record_type and item.currency <> undecided.gross_currency
    where undecided.record_type in (1, 2, 3, 4, 8, 9, 10) and undecided.acquirer_reference is null
), other as (
    select distinct on (elsewhere.ordinal) elsewhere.ordinal, elsewhere.book_id, elsewhere.number, elsewhere.currency, elsewhere.gross
    from elsewhere
    order by elsewhere.ordinal, elsewhere.book_id, elsewhere.number
)
select undecided.ordinal, undecided.record_type, undecided.batch, coalesce(undecided.acquirer_reference, undecided.merchant_reference, undecided.arn, '') as key,
    coalesce(undecided.gross, 0) as gross, coalesce(undecided.gross_currency, undecided.net_currency) as gross_currency, undecided.net,
    undecided.net_currency, undecided.interchange, undecided.scheme_fee, undecided.commission + undecided.markup as acquirer_cost, undecided.tax, undecided.reserve, undecided.occurred_on,
    other.book_id, other.number, other.currency as item_currency, other.gross as item_gross,
    repeated.name as repeats_file, repeated.line as repeats_line, undecided.type_text, undecided.line
from undecided
left join repeated on repeated.ordinal = undecided.ordinal
left join other on other.ordinal = undecided.ordinal
order by undecided.ordinal;
