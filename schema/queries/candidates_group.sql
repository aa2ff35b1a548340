-- Pass 6: undecided lines, each with the open items of its merchant reference, whatever the amounts; one key after the other, but no key with more than a few lines or items, which nobody adds up. $1 acquirer, $2 ordinals, $3 the most of each.
declare candidates no scroll cursor for
with line as (
    select line.*, count(*) over (partition by line.merchant_reference, line.record_type, line.gross_currency) as of_key
    from undecided_line line
    where line.ordinal = any($2) and line.merchant_reference is not null
), key as (
    select distinct merchant_reference, record_type, gross_currency from line where of_key <= $3
), item as (
    select item.*, item.ctid as place, count(*) over (partition by item.merchant_reference, item.record_type, item.currency) as of_key
    from open_item item
    join key on key.merchant_reference = item.merchant_reference and key.record_type = item.record_type
        and key.gross_currency = item.currency
    where item.acquirer_id = $1
)
select line.ordinal, line.record_type, line.batch, line.merchant_reference as key, line.gross, line.gross_currency, line.net,
    line.net_currency, line.interchange, line.scheme_fee, line.commission + line.markup as acquirer_cost,
    line.tax, line.reserve, line.occurred_on,
    item.book_id, item.number, item.gross as item_gross, item.merchant_fee,
    item.reserve, item.cost, item.matures, item.passes_costs, item.costs_vat, item.occurred_on, item.reserve_until,
    item.expected_on, item.advanced, item.method, item.scheme, item.card_country, item.place
from line
join item
    on item.merchant_reference = line.merchant_reference and item.record_type = line.record_type and item.currency = line.gross_currency
where line.of_key <= $3 and item.of_key <= $3
order by line.merchant_reference, line.record_type, line.gross_currency, line.ordinal, item.book_id, item.number;
