-- Keeps out whoever wants all payers to themselves, until the transaction ends.
select pg_advisory_xact_lock_shared(4702111234474983746);
