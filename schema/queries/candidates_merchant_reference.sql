-- Pass 4: undecided lines, each with the open items of its merchant reference and amount that lie a few business days apart; one key after the other. $1 acquirer, $2 ordinals, $3 business days apart, $4 business days.
declare candidates no scroll cursor for
select line.ordinal, line.record_type, line.batch, line.merchant_reference as key, line.gross, line.gross_currency, line.net,
    line.net_currency, line.interchange, line.scheme_fee, line.commission + line.markup as acquirer_cost,
    line.tax, line.reserve, line.occurred_on,
    item.book_id, item.number, item.gross as item_gross, item.merchant_fee,
    item.reserve, item.cost, item.matures, item.passes_costs, item.costs_vat, item.occurred_on, item.reserve_until,
    item.expected_on, item.advanced, item.method, item.scheme, item.card_country, item.ctid as place
from undecided_line line
join open_item item
    on item.acquirer_id = $1 and item.merchant_reference = line.merchant_reference and item.record_type = line.record_type
    and item.currency = line.gross_currency and line.gross in (item.gross, item.gross - item.cost)
    and abs(item.occurred_on - line.occurred_on) <= 31
    and abs(width_bucket(item.occurred_on, $4::date[]) - width_bucket(line.occurred_on, $4::date[])) <= $3
where line.ordinal = any($2)
order by line.merchant_reference, line.record_type, line.gross_currency, line.gross, line.ordinal, item.book_id, item.number;
