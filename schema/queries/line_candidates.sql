-- Open items that share something with a line: a reference, the amount (or nearly), or most of the merchant's reference; those that share most first.
-- Only what is open is looked at, never history. $1 source, $2 place, $3 acquirer, $4 how many.
with line as materialized (
    select *, length(merchant_reference) as signs from settlement_line where source_id = $1 and ordinal = $2
)
select item.book_id, item.number, item.record_type, item.gross, item.currency, item.merchant_fee, item.reserve, item.cost, item.matures,
    item.passes_costs, item.costs_vat, item.occurred_on, item.reserve_until, item.expected_on, item.advanced, item.method, item.scheme, item.card_country,
    item.acquirer_reference, item.merchant_reference, item.arn, item.rrn, item.auth_code, item.card,
    book.merchant, entry.reference, entry.payment
from line
join open_item item on item.acquirer_id = $3
cross join lateral (
    select 8 * coalesce((item.acquirer_reference = line.acquirer_reference)::integer, 0) + 8 * coalesce((item.arn = line.arn)::integer, 0)
        + 4 * coalesce((item.merchant_reference = line.merchant_reference)::integer, 0) + 3 * coalesce((item.rrn = line.rrn)::integer, 0)
        + 2 * coalesce((item.auth_code = line.auth_code)::integer, 0)
        + case when item.record_type <> line.record_type or item.currency <> line.gross_currency then 0
               when line.gross in (item.gross, item.gross - item.cost) then 3
               when abs(item.gross - line.gross) <= abs(line.gross) / 100 then 1 else 0 end
        + case when line.signs >= 4 and (starts_with(item.merchant_reference, left(line.merchant_reference, greatest(4, line.signs - 3)))
                   or starts_with(line.merchant_reference, item.merchant_reference) and length(item.merchant_reference) >= 4)
               then 2 else 0 end as shared
) agreement
join book on book.id = item.book_id
join entry on entry.book_id = item.book_id and entry.number = item.number
where agreement.shared > 0
order by agreement.shared desc, abs(item.gross - line.gross), abs(item.occurred_on - line.occurred_on), item.book_id, item.number
limit $4;
