-- The breaks of a line that held its money in suspense, the last one that is open first. $1 source, $2 place.
select break.id, break.state, break.resolution, break.proposal_id
from break
where break.source_id = $1 and break.ordinal = $2 and break.suspense_number is not null
order by break.state = 'resolved', break.id desc;
