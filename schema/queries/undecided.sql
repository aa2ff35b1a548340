-- Lines that no pass matched, with what they may be: a repetition of a line that an earlier file settled, or of one of the same amount that nobody knew either, there or before it in this file (by its ARN and amount, where neither line has a reference of the acquirer, and unless an open item is just so; a fee of its own by its reference, day and amount in the same batch, or in none), or an item that it names in another currency, of another record type or on the other side (by its ARN, where the line has no other reference); whether it takes back, or returns, what nobody has captured: it names it, and no capture has any of its references; and the payment that a sale names, of which nothing was captured here, and how that stands. $1 source, $2 acquirer, $3 ordinals, $4 names of batches that no file states.
declare undecided no scroll cursor for
with undecided as materialized (
    select line.*
    from unnest($3::integer[]) as wanted (ordinal)
    join settlement_line line on line.source_id = $1 and line.ordinal = wanted.ordinal
), earlier as (
    select undecided.ordinal as repeat, line.source_id, line.ordinal, line.line, line.gross = undecided.gross as is_same
    from undecided
    join settlement_line line
        on line.acquirer_reference = undecided.acquirer_reference and line.record_type = undecided.record_type
        and line.gross_currency = undecided.gross_currency and line.source_id <> $1
    where undecided.record_type in (1, 2, 3, 4, 8, 9, 10)
    union all
    select undecided.ordinal, line.source_id, line.ordinal, line.line, true
    from undecided
    join settlement_line line
        on line.arn = undecided.arn and line.acquirer_reference is null and line.record_type = undecided.record_type
        and line.gross_currency = undecided.gross_currency and line.gross = undecided.gross and line.source_id <> $1
    where undecided.record_type in (1, 2, 3, 4, 8, 9, 10) and undecided.acquirer_reference is null
    union all
    select undecided.ordinal, line.source_id, line.ordinal, line.line, true
    from undecided
    join settlement_line line
        on line.acquirer_reference = undecided.acquirer_reference and line.record_type = undecided.record_type and line.net = undecided.net
        and line.net_currency = undecided.net_currency and line.occurred_on = undecided.occurred_on and line.source_id <> $1
        and (line.batch = undecided.batch or line.batch = any($4::text[]) or undecided.batch = any($4::text[]))
    where undecided.record_type = 5
), alike as (
    -- In this file: all but the first.
    select undecided.ordinal, undecided.line,
        first_value(undecided.ordinal) over same as first_ordinal, first_value(undecided.line) over same as first_line
    from undecided
    where undecided.record_type in (1, 2, 3, 4, 8, 9, 10) and coalesce(undecided.acquirer_reference, undecided.arn) is not null
    window same as (
        partition by undecided.record_type, undecided.acquirer_reference, case when undecided.acquirer_reference is null then undecided.arn end,
            undecided.gross, undecided.gross_currency
        order by undecided.ordinal)
), repeated as (
    select distinct on (earlier.repeat) earlier.repeat as ordinal, source.name, earlier.line
    from earlier
    join settlement_file_state file on file.source_id = earlier.source_id and file.acquirer_id = $2 and file.state = 'booked'
    left join standing_match match on match.source_id = earlier.source_id and match.ordinal = earlier.ordinal
    join source on source.id = earlier.source_id
    where match.source_id is not null or earlier.is_same
    order by earlier.repeat, earlier.source_id, earlier.ordinal
), reported as materialized (
    -- Of items, by what their type stands for; own is false where a line goes by the reference of what it is about.
    select undecided.*, coalesce(undecided.contrary, undecided.record_type) as stated,
        undecided.acquirer_reference is null or undecided.acquirer_reference is distinct from undecided.original_reference as own
    from undecided
    where coalesce(undecided.contrary, undecided.record_type) in (1, 2, 3, 4, 8, 9, 10)
), taken_back as materialized (
    select reported.ordinal, reported.acquirer_reference, reported.original_reference, reported.merchant_reference, reported.arn
    from reported
    where reported.record_type in (2, 3, 4)
        -- It names what it is about; the ARN of a dispute is that of the sale.
        and (reported.merchant_reference is not null or (reported.original_reference is not null and reported.own)
            or (reported.record_type in (3, 4) and reported.arn is not null))
), item as materialized (
    -- Items that have any of the references, in one pass over the open ones: none of their references is indexed.
    select item.book_id, item.number, item.record_type, item.currency, item.gross, item.acquirer_reference, item.arn, item.merchant_reference
    from open_item item
    where item.acquirer_id = $2
        and (item.acquirer_reference in (
                select acquirer_reference from reported where acquirer_reference is not null
                union all
                select original_reference from taken_back where original_reference is not null)
            or item.arn in (select arn from reported where arn is not null)
            or item.merchant_reference in (select merchant_reference from taken_back where merchant_reference is not null))
), named as (
    select reported.ordinal, item.book_id, item.number, item.record_type, item.currency, item.gross
    from reported
    join item on item.acquirer_reference = reported.acquirer_reference
    union all
    select reported.ordinal, item.book_id, item.number, item.record_type, item.currency, item.gross
    from reported
    join item on item.arn = reported.arn
    where reported.acquirer_reference is null
), other as (
    select distinct on (reported.ordinal) reported.ordinal, named.book_id, named.number, named.record_type, named.currency, named.gross
    from named
    join reported on reported.ordinal = named.ordinal
    where case when named.record_type = reported.stated then named.currency <> reported.gross_currency or reported.contrary is not null
        -- Disputes and unpaid bills may go by the reference of their sale.
        else named.currency = reported.gross_currency and reported.own and not (named.record_type = 1 and reported.stated in (3, 4, 8, 9)) end
    order by reported.ordinal, named.record_type = reported.stated desc, named.currency = reported.gross_currency desc, named.book_id, named.number
), another as materialized (
    -- Open items are left that are just so: the line is of one of them, and which nobody can say.
    select distinct reported.ordinal
    from named
    join reported on reported.ordinal = named.ordinal
    where named.record_type = reported.record_type and named.currency = reported.gross_currency and named.gross = reported.gross
), given as materialized (
    select taken_back.ordinal, acquirers.reference
    from taken_back
    cross join lateral (values (taken_back.acquirer_reference), (taken_back.original_reference)) as acquirers (reference)
    where acquirers.reference is not null
), settled as (
    select given.ordinal, line.source_id, line.ordinal as of_line
    from given
    join settlement_line line on line.acquirer_reference = given.reference and line.record_type = 1
    union all
    select taken_back.ordinal, line.source_id, line.ordinal
    from taken_back
    join settlement_line line on line.arn = taken_back.arn and line.acquirer_reference is null and line.record_type = 1
), captured as (
    select settled.ordinal
    from settled
    join standing_match match on match.source_id = settled.source_id and match.ordinal = settled.of_line
    where settled.source_id = $1
        or exists (select from settlement_file file where file.source_id = settled.source_id and file.acquirer_id = $2)
    union all
    select given.ordinal
    from given
    join item on item.record_type = 1 and item.acquirer_reference = given.reference
    union all
    select taken_back.ordinal
    from taken_back
    join item on item.record_type = 1 and item.arn = taken_back.arn
    union all
    select taken_back.ordinal
    from taken_back
    join item on item.record_type = 1 and item.merchant_reference = taken_back.merchant_reference
    union all
    select taken_back.ordinal
    from taken_back
    join payment on payment.payment = taken_back.merchant_reference and payment.captured > 0
    union all
    select taken_back.ordinal
    from taken_back
    join payment on payment.merchant_reference = taken_back.merchant_reference and payment.captured > 0
), uncaptured as (
    select undecided.ordinal, payment.book_id, payment.payment
    from undecided
    join payment on payment.payment = undecided.merchant_reference
    where undecided.record_type = 1
    union
    select undecided.ordinal, payment.book_id, payment.payment
    from undecided
    join payment on payment.merchant_reference = undecided.merchant_reference
    where undecided.record_type = 1
), stood as (
    select distinct on (undecided.ordinal) undecided.ordinal, payment.payment,
        case when payment.authorized is null and payment.requested is not null then 'unknown'
             when payment.authorized is null then 'declined'
             when payment.expired > 0 then 'expired'
             when payment.voided > 0 then 'voided'
             else 'authorized' end as stands
    from uncaptured
    join undecided on undecided.ordinal = uncaptured.ordinal
    join payment on payment.book_id = uncaptured.book_id and payment.payment = uncaptured.payment
    where payment.acquirer_id = $2 and payment.currency = undecided.gross_currency and payment.captured = 0
    -- What nobody can capture any more first.
    order by undecided.ordinal, (payment.authorized is null and payment.requested is null) desc,
        (payment.authorized is not null and payment.voided + payment.expired > 0) desc, payment.book_id, payment.payment
)
select undecided.ordinal, undecided.record_type, undecided.batch, coalesce(undecided.acquirer_reference, undecided.merchant_reference, undecided.arn, '') as key,
    coalesce(undecided.gross, 0) as gross, coalesce(undecided.gross_currency, undecided.net_currency) as gross_currency, undecided.net,
    undecided.net_currency, undecided.interchange, undecided.scheme_fee, undecided.commission + undecided.markup as acquirer_cost, undecided.tax, undecided.reserve, undecided.occurred_on,
    other.book_id, other.number, other.currency as item_currency, other.gross as item_gross, other.record_type as item_record,
    coalesce(repeated.name, own.name) as repeats_file, coalesce(repeated.line, alike.first_line) as repeats_line, undecided.type_text, undecided.line,
    exists (select from taken_back where taken_back.ordinal = undecided.ordinal)
        and not exists (select from captured where captured.ordinal = undecided.ordinal) as of_nothing,
    undecided.contrary, stood.payment, stood.stands
from undecided
left join stood on stood.ordinal = undecided.ordinal
left join another on another.ordinal = undecided.ordinal
left join repeated on repeated.ordinal = undecided.ordinal and another.ordinal is null
left join alike on alike.ordinal = undecided.ordinal and alike.first_ordinal <> alike.ordinal and another.ordinal is null
left join source own on own.id = $1 and alike.ordinal is not null
left join other on other.ordinal = undecided.ordinal
order by undecided.ordinal;
