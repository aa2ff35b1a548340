-- Breaks that recovered what was written off of others. $1 those others.
select break_id, recovers from break_proposal where recovers = any($1::bigint[]) and state = 'executed' order by break_id;
