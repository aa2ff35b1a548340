-- Keeps a bank file that is about to be written. $1 source, $2 cut-off, $3 ordinal.
insert into payout_file (source_id, cutoff, ordinal) values ($1, $2, $3);
