-- Locks an acquirer: it has one reconciliation at a time. $1 id.
select id from acquirer where id = $1 for update;
