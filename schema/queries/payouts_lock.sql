-- One payout command at a time.
select pg_advisory_xact_lock(4201, 2);
