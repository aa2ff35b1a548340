-- Keeps an invoice of an acquirer. $1 acquirer, $2 its number, $3 month, $4 currency, $5 interchange, $6 scheme fee, $7 markup, $8 VAT, $9 by contract, or null, $10 booking date, $11 by whom, $12 entry of the house.
insert into acquirer_invoice (acquirer_id, invoice, month, currency, interchange, scheme_fee, markup, vat, expected, booked_on, booked_by, number)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);
