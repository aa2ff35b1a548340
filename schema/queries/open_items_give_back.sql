-- Opens the items that a settlement file matched again, as they were. $1 source.
insert into open_item (book_id, number, acquirer_id, record_type, acquirer_reference, merchant_reference, arn, rrn, auth_code, card, method, scheme, card_country, gross, currency,
    merchant_fee, reserve, cost, matures, passes_costs, costs_vat, occurred_on, expected_on, reserve_until, advanced)
select item.book_id, item.number, file.acquirer_id, item.record_type, entry.acquirer_reference,
    coalesce(entry.merchant_reference, entry.payment), entry.arn,
    coalesce(entry.rrn, case when item.record_type = 1 then payment.rrn end),
    coalesce(entry.auth_code, case when item.record_type = 1 then payment.auth_code end), payment.card, payment.method, payment.scheme, payment.card_country, item.gross, item.gross_currency, item.merchant_fee, item.reserve, item.cost,
    item.matures, item.passes_costs, item.costs_vat, coalesce(entry.happened_on, entry.booking_date), item.expected_on, item.reserve_until, item.advanced
from (
    select match.book_id, match.number, match.merchant_fee, match.reserve, match.cost, match.matures, match.passes_costs, match.costs_vat,
        match.expected_on, match.reserve_until, match.advanced, line.record_type, line.gross_currency, sum(match.item_gross)::bigint as gross
    from standing_match match
    join settlement_line line on line.source_id = match.source_id and line.ordinal = match.ordinal
    where match.source_id = $1
    group by match.book_id, match.number, match.merchant_fee, match.reserve, match.cost, match.matures, match.passes_costs,
        match.costs_vat, match.expected_on, match.reserve_until, match.advanced, line.record_type, line.gross_currency
) item
join settlement_file file on file.source_id = $1
join entry on entry.book_id = item.book_id and entry.number = item.number
left join payment on payment.book_id = entry.book_id and payment.payment = entry.payment;
