-- Only one transaction prunes idempotency keys at a time; never waits.
select pg_try_advisory_xact_lock(4202, 1) as held;
