-- Sets undecided lines aside, with what passes match by: they are few beside the file, and lie all over it. $1 source, $2 ordinals.
create temporary table undecided_line on commit drop as
select line.ordinal, line.record_type, line.batch, line.acquirer_reference, line.merchant_reference, line.arn, line.rrn, line.auth_code,
    line.card, line.occurred_on, line.gross, line.gross_currency, line.net, line.net_currency, line.interchange, line.scheme_fee,
    line.commission, line.markup, line.tax, line.reserve
from settlement_line line
where line.source_id = $1 and line.ordinal = any((select $2::integer[])::integer[]);
