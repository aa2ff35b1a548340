-- Cancels payouts that are not instructed; their money stays available. $1 ids.
update payout set state = 'cancelled' where id = any($1::bigint[]) and state in ('planned', 'approved');
