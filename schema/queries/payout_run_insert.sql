-- A run that begins to be approved. $1 cut-off, $2 digest of its payouts, $3 who planned them, $4 how many approve, $5 finance heads.
insert into payout_run (cutoff, plan, planners, approvers, finance_heads) values ($1, $2, $3, $4, $5)
returning id;
