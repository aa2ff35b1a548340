-- What was matched of a file's lines by the system since it was booked, and the latest day of its entries. $1 source, $2 name of the system.
select proposal.id, proposal.break_id, max(entry.booking_date) as day
from break
join break_proposal proposal on proposal.id = break.proposal_id and proposal.state = 'executed' and proposal.proposed_by = $2
join break_entry booked on booked.proposal_id = proposal.id
join entry on entry.book_id = booked.book_id and entry.number = booked.number
where break.source_id = $1 and break.ordinal is not null and break.state = 'resolved' and break.resolution = 'match'
group by proposal.id, proposal.break_id
order by proposal.id;
