-- Takes matches.
copy settlement_match (book_id, number, source_id, ordinal, pass, rules, item_gross, line_gross, passed_on, passed_on_vat, merchant_fee, reserve, cost, matures, passes_costs, costs_vat, expected_on, reserve_until, advanced, timing)
from stdin (format binary);
