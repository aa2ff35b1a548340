-- Locks all acquirers, and the row of the bank account among them: nothing is reconciled, undone or resolved meanwhile, and one file of bank statements is loaded at a time.
select id, name from acquirer order by id for no key update;
