-- Proposals whose breaks are open again. $1 proposals.
update break_proposal set state = 'reopened' where id = any($1::bigint[]);
