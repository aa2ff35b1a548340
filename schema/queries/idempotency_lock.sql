-- Holds an idempotency key until the transaction ends, or says that another transaction does; never waits. $1 hash of the key.
select pg_try_advisory_xact_lock($1::bigint) as held;
