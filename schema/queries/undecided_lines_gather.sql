-- Sets undecided lines aside, with what passes match by: they are few beside the file, and lie all over it. $1 source, $2 ordinals.
create temporary table undecided_line on commit drop as
select ordinal, record_type, batch, acquirer_reference, merchant_reference, arn, rrn, auth_code, card, occurred_on, gross, gross_currency,
    net, net_currency, interchange, scheme_fee, commission, markup, tax, reserve
from settlement_line
where source_id = $1 and ordinal = any($2);
