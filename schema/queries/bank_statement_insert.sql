-- Keeps a bank statement. $1 source, $2 ordinal, $3 line, $4 state, $5 account, $6 currency, $7 id, $8 sequence, $9 first day, $10 last day, $11 opening, $12 closing, $13 entries, $14 SHA-256 of its content, $15 what its account is in the books.
insert into bank_statement (source_id, ordinal, line, state, account, currency, statement_id, sequence, from_on, until_on, opening, closing, entries, content, code)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);
