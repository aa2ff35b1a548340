-- One calendar file is imported at a time.
select pg_advisory_xact_lock(4201, 3);
