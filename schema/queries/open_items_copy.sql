-- Takes open items, by book and number.
copy open_item (book_id, number, acquirer_id, record_type, acquirer_reference, merchant_reference, arn, rrn, auth_code, card, method, scheme, card_country, gross, currency, merchant_fee,
    reserve, cost, matures, passes_costs, costs_vat, occurred_on, expected_on, reserve_until)
from stdin (format binary);
