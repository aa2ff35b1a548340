-- Locks an acquirer: it has one reconciliation at a time, and nobody takes its open items away meanwhile. New payments may name it. $1 id.
select id from acquirer where id = $1 for no key update;
