-- Proposals that are booked now. $1 proposals, $2 items that were closed, $3 what of them is withheld.
update break_proposal
set state = 'executed', item = booked.item, withheld = booked.withheld
from unnest($1::bigint[], $2::text[], $3::bigint[]) as booked (id, item, withheld)
where break_proposal.id = booked.id;
