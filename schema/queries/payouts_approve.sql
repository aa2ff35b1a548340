-- Payouts of a run that is approved. $1 ids, $2 run.
update payout set state = 'approved', run_id = $2
where id = any($1::bigint[]) and state = 'planned';
