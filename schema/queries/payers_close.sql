-- Takes all payers: waits for everybody who shares them, and keeps them out until the transaction ends.
select pg_advisory_xact_lock(4702111234474983746);
