-- Marks payouts as confirmed by entries of their books. $1 ids, $2 entries.
update payout
set state = 'confirmed', confirmation = done.number
from unnest($1::bigint[], $2::bigint[]) as done (id, number)
where payout.id = done.id;
