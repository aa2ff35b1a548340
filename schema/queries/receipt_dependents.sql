-- Breaks that the match of a receipt left: what came is not what was awaited. $1 proposal.
select break.id, break.class, break.state, break.resolution
from break_entry booked
join break on break.suspense_number = booked.number and break.class = 'FUNDING_MISMATCH'
where booked.proposal_id = $1 and booked.book_id = 1 and break.resolution is distinct from 'undone'
order by break.id;
