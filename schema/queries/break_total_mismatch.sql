-- A batch of a quarantined file does not add up. $1 acquirer, $2 source, $3 currency, $4 claimed, $5 added up, $6 detail.
insert into break (class, acquirer_id, source_id, found_in, expected, expected_in, actual, actual_in, detail)
values ('TOTAL_MISMATCH', $1, $2, $2, $4, case when $4::bigint is not null then $3 end, $5, case when $5::bigint is not null then $3 end, $6);
