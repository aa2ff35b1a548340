-- One advance at a time: a limit holds for all of them together.
select pg_advisory_xact_lock(4201, 5);
