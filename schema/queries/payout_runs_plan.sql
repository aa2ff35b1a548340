-- What was approved with runs. $1 runs.
select id, plan from payout_run where id = any($1::bigint[]) order by id;
