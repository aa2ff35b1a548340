-- Who has approved a run so far, and whether that is enough. $1 run, $2 first, $3 second approver or null, $4 whether it is approved.
update payout_run
set first_approver = $2, second_approver = $3, state = case when $4 then 'approved' else 'waiting' end
where id = $1 and state = 'waiting';
