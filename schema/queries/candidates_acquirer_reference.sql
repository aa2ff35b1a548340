-- Pass 1, one key after the other: lines that have the acquirer's reference, each with the open items of that reference. $1 acquirer, $2 ordinals.
declare candidates no scroll cursor for
select line.ordinal, line.record_type, line.batch, line.acquirer_reference as key, line.gross, line.gross_currency, line.net,
    line.net_currency, line.interchange, line.scheme_fee, line.commission + line.markup as acquirer_cost,
    line.tax, line.reserve, line.occurred_on,
    item.book_id, item.number, item.gross as item_gross, item.merchant_fee,
    item.reserve, item.cost, item.matures, item.passes_costs, item.costs_vat, item.occurred_on, item.reserve_until,
    item.expected_on, item.advanced, item.method, item.scheme, item.card_country, item.ctid as place
from undecided_line line
join open_item item
    on item.acquirer_id = $1 and item.acquirer_reference = line.acquirer_reference and item.record_type = line.record_type
    and item.currency = line.gross_currency
where line.ordinal = any($2) and line.acquirer_reference is not null
order by line.acquirer_reference, line.record_type, line.gross_currency, line.ordinal, item.book_id, item.number;
