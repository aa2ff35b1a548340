-- Takes claims.
copy cost_claim (source_id, place, acquirer_id, ordinal, batch, currency, component, term, lines, expected, stated, since, booked_on, detail, proposal_id)
from stdin (format binary);
