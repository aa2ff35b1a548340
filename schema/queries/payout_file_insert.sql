-- Keeps a bank file that is about to be written. $1 source, $2 cut-off, $3 ordinal, $4 format, $5 the day on which the bank is to pay.
insert into payout_file (source_id, cutoff, ordinal, format, execute_on) values ($1, $2, $3, $4, $5);
