-- Keeps a hold. $1 book, $2 currency, $3 exponent, $4 amount, $5 reason, $6 owner, $7 day, $8 day on which it expires, $9 entry.
insert into hold (book_id, currency, exponent, amount, reason, owner, placed_on, expires_on, number)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);
