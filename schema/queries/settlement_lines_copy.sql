-- Takes the lines of a settlement file.
copy settlement_line (source_id, ordinal, line, record_type, type_text, batch, acquirer_reference, original_reference,
    merchant_reference, arn, rrn, auth_code, card, dispute, reason, occurred_on, paid_out_on, gross, gross_currency, net, net_currency, commission, markup, scheme_fee, interchange,
    tax, reserve, exchange_rate, contrary, raw)
from stdin (format binary);
