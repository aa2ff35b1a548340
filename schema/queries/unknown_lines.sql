-- Undecided lines of captures that report a payment whose outcome is unknown: by the acquirer's reference of the attempt, or by ours as it echoes it, and then a few days apart where nothing but ours can match them. $1 source, $2 acquirer, $3 ordinals, $4 business days apart, $5 business days.
with attempt as materialized (
    select distinct on (payment.book_id, payment.payment)
        payment.book_id, payment.payment, payment.currency, payment.requested, book.merchant, entry.number, coalesce(entry.happened_on, entry.booking_date) as booking_date,
        entry.acquirer_reference, coalesce(entry.merchant_reference, payment.payment) as merchant_reference
    from payment
    join book on book.id = payment.book_id
    join entry on entry.book_id = payment.book_id and entry.payment = payment.payment and entry.kind = 14
    where payment.authorized is null and payment.requested is not null and payment.acquirer_id = $2
    order by payment.book_id, payment.payment, entry.number desc
), line as materialized (
    select line.*
    from unnest($3::integer[]) as undecided (ordinal)
    join settlement_line line on line.source_id = $1 and line.ordinal = undecided.ordinal
    where line.record_type = 1
), answer as (
    select attempt.book_id, attempt.number, line.ordinal
    from attempt
    join line on line.acquirer_reference = attempt.acquirer_reference and line.gross_currency = attempt.currency
    union
    select attempt.book_id, attempt.number, line.ordinal
    from attempt
    join line on line.merchant_reference = attempt.merchant_reference and line.gross_currency = attempt.currency
    where line.acquirer_reference is not null or (abs(attempt.booking_date - line.occurred_on) <= 31
            and abs(width_bucket(attempt.booking_date, $5::date[]) - width_bucket(line.occurred_on, $5::date[])) <= $4)
)
select line.ordinal, line.line, line.gross, line.gross_currency, line.acquirer_reference, line.arn,
    attempt.book_id, attempt.merchant, attempt.number
from answer
join attempt on attempt.book_id = answer.book_id and attempt.number = answer.number
join line on line.ordinal = answer.ordinal
where line.gross <= attempt.requested
order by attempt.book_id, attempt.number, line.ordinal;
