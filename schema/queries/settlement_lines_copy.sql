-- Takes the lines of a settlement file.
copy settlement_line (source_id, ordinal, line, record_type, type_text, batch, acquirer_reference, original_reference,
    merchant_reference, arn, occurred_on, gross, gross_currency, net, net_currency, commission, markup, scheme_fee, interchange,
    exchange_rate, raw)
from stdin (format binary);
