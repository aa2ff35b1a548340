-- Breaks that a match by hand left or resolved, beside that of its line: how both sides differ, and the items that were missing. $1 proposal.
select break.id, break.class, break.state, break.resolution
from break_proposal proposal
join break of_line on of_line.id = proposal.break_id
join break on break.source_id = of_line.source_id and break.ordinal = of_line.ordinal and break.class in ('AMOUNT_MISMATCH', 'FEE_MISMATCH', 'FX_MISMATCH')
where proposal.id = $1 and break.resolution is distinct from 'undone'
union all
select break.id, break.class, break.state, break.resolution
from break_match
join break on break.book_id = break_match.book_id and break.number = break_match.number and break.class = 'MISSING_IN_FILE'
where break_match.proposal_id = $1 and break.resolution = 'match'
order by id;
