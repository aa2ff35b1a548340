-- Nobody knows what became of payouts. $1 ids, $2 day, $3 who says so, $4 why.
update payout set state = 'unknown', unknown_on = $2, unknown_by = $3, unknown_note = $4
where id = any($1::bigint[]) and state in ('instructed', 'sent');
