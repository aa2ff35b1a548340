-- Proposes an adjustment. $1 book, $2 reference, $3 currency, $4 exponent, $5 amount, below zero where the merchant is charged, $6 reason,
-- $7 evidence, $8 note, $9 day, $10 by whom, $11 digest of all that.
insert into adjustment (book_id, reference, currency, exponent, amount, reason, evidence, note, proposed_on, proposed_by, content)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
returning id;
