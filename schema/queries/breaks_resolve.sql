-- Resolves breaks. $1 numbers, $2 proposals, $3 resolution, $4 until when an item is not missing again.
update break
set state = 'resolved', resolution = $3, proposal_id = resolved.proposal_id, quiet_until = $4
from unnest($1::bigint[], $2::bigint[]) as resolved (id, proposal_id)
where break.id = resolved.id;
