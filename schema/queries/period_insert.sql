-- Closes a period. $1 through, $2 note, $3 digest of the trial balance, $4 by whom.
insert into period (through, note, trial_balance, closed_by) values ($1, $2, $3, $4);
