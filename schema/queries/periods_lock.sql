-- Nobody books and nobody closes a period until the transaction ends; waits for those who do.
select pg_advisory_xact_lock(4201, 6);
