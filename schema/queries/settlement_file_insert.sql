-- Keeps what became of a settlement file. $1 source, $2 acquirer, $3 state, $4 reason, $5 lines, $6 rejects, $7 as of, $8 format.
insert into settlement_file (source_id, acquirer_id, state, reason, lines, rejects, as_of, format) values ($1, $2, $3, $4, $5, $6, $7, $8);
