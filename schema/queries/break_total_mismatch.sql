-- A batch of a quarantined file does not add up. $1 acquirer, $2 source, $3 currency, $4 claimed, $5 added up, $6 detail.
insert into break (class, acquirer_id, source_id, found_in, currency, expected, actual, detail)
values ('TOTAL_MISMATCH', $1, $2, $2, $3, $4, $5, $6);
