-- The acquirers of breaks. $1 numbers.
select distinct acquirer_id from break where id = any($1::bigint[]) order by acquirer_id;
