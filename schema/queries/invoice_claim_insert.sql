-- Keeps what an invoice differs from the contract. $1 source, $2 place, $3 acquirer, $4 the invoice's number, $5 currency, $6 component, $7 lines, $8 by contract, $9 by the invoice, $10 month, $11 booking date, $12 detail.
insert into cost_claim (source_id, place, acquirer_id, batch, currency, component, term, lines, expected, stated, since, booked_on, detail)
values ($1, $2, $3, $4, $5, $6, 'invoice', $7, $8, $9, $10, $11, $12);
