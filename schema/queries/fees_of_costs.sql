-- What settlement lines of captures, and of aggregates, say of costs, with the settlement that booked them, line by line. What an
-- aggregate passes on is as its captures agreed. Where there is no such settlement, the capture stands for it. $1: a merchant, or null for all; $2: a payment, or null for all.
select match.book_id, book.merchant, coalesce(settlement.number, capture.number) as number,
       coalesce(settlement.kind, capture.kind) as kind, coalesce(settlement.happened_on, settlement.booking_date, capture.happened_on, capture.booking_date) as booking_date,
       capture.payment, capture.number as capture, coalesce(capture.happened_on, capture.booking_date) as captured_on, match.item_gross,
       payment.method, payment.scheme, payment.card_country,
       aggregate.closed is not null as is_aggregate, coalesce(aggregate.passes_costs, false) as passes_costs, aggregate.costs_vat,
       line.line, line.gross, line.gross_currency, line.net, line.net_currency, line.interchange + line.scheme_fee as cost,
       line.interchange + line.scheme_fee + line.commission + line.markup as costs, match.passed_on, match.passed_on_vat
from settlement_match match
join settlement_line line on line.source_id = match.source_id and line.ordinal = match.ordinal
join settlement_file_state file on file.source_id = match.source_id and file.state = 'booked'
join source on source.id = match.source_id
join acquirer on acquirer.id = file.acquirer_id
join book on book.id = match.book_id
join entry capture on capture.book_id = match.book_id and capture.number = match.number
left join payment on payment.book_id = capture.book_id and payment.payment = capture.payment
left join aggregate on aggregate.book_id = capture.book_id and aggregate.closed = capture.number
left join entry settlement on settlement.book_id = match.book_id
    and settlement.reference = 'acquit:settlement ' || acquirer.name || ' ' || left(encode(source.digest, 'hex'), 16) || case when source.run > 1 then '.' || source.run else '' end || ' ' || line.batch
where line.record_type = 1
  and book.merchant is not null
  and ($1::text is null or book.merchant = $1)
  and ($2::text is null or capture.payment = $2)
order by match.book_id, coalesce(settlement.number, capture.number), match.source_id, match.ordinal;
