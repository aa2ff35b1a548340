-- No period is closed until the transaction ends.
select pg_advisory_xact_lock_shared(4201, 6);
