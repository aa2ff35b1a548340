-- A break of a batch as a whole, or of all that a month has: once per file and words. $1 acquirer, $2 source, $3 currency, $4 by the ledger or the contract, $5 by the file, $6 detail, $7 class.
insert into break (class, acquirer_id, source_id, found_in, expected, expected_in, actual, actual_in, detail)
values ($7, $1, $2, $2, $4, $3, $5, $3, $6)
on conflict (source_id, class, detail) where ordinal is null and book_id is null do nothing;
