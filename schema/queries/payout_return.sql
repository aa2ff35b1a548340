-- A payout came back. $1 id, $2 day, $3 who says so, $4 the bank's reason, $5 the entry.
update payout set state = 'returned', returned_on = $2, returned_by = $3, return_reason = $4, return_entry = $5
where id = $1 and state in ('instructed', 'sent', 'unknown', 'confirmed');
