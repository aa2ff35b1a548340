-- Lines of a settlement file with what names them, by their number or their place. $1 source, $2 number of the row, $3 place; one of these two.
select line.ordinal, line.record_type, line.batch, '' as key, coalesce(line.gross, 0) as gross,
    coalesce(line.gross_currency, line.net_currency) as gross_currency, line.net, line.net_currency, line.interchange, line.scheme_fee,
    line.commission + line.markup as acquirer_cost, line.tax, line.reserve, line.occurred_on,
    line.line, line.type_text, line.acquirer_reference, line.merchant_reference, line.arn, line.rrn, line.auth_code,
    line.card, line.gross is not null as has_gross
from settlement_line line
where line.source_id = $1 and ($2::integer is null or line.line = $2) and ($3::integer is null or line.ordinal = $3)
order by line.ordinal
limit 20;
