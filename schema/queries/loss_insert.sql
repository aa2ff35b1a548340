-- Plans a loss, or what comes back of one. $1 book, $2 currency, $3 exponent, $4 amount, $5 the loss that comes back, or null,
-- $6 reason, $7 note, $8 day, $9 by whom.
insert into loss (book_id, currency, exponent, amount, recovers, reason, note, planned_on, planned_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
returning id;
