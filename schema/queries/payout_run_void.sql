-- A run whose payouts are others by now. $1 run.
update payout_run set state = 'void' where id = $1 and state = 'waiting';
