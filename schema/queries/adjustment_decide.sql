-- Books or rejects a proposed adjustment. $1 id, $2 state, $3 day, $4 by whom, $5 digest of what is decided, $6 why it is rejected, or null, $7 entry, or null.
update adjustment set state = $2, decided_on = $3, decided_by = $4, decided = $5, rejection = $6, number = $7
where id = $1 and state = 'proposed';
