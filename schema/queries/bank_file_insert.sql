-- Keeps a file of bank statements. $1 source, $2 state, $3 why it is in quarantine, $4 format, $5 statements, $6 entries, $7 rejects.
insert into bank_file (source_id, state, reason, format, statements, entries, rejects) values ($1, $2, $3, $4, $5, $6, $7);
