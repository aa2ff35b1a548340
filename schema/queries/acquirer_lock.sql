-- Locks an acquirer: it has one reconciliation at a time, and no advance of what it has yet to report. Payments may be recorded meanwhile. $1 id.
select id from acquirer where id = $1 for no key update;
