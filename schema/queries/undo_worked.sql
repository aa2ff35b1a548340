-- Breaks of a settlement file that somebody has worked on: they stand in the way of undoing it. $1 source, $2 name of the system.
select break.id, break.class, break.state
from break
where break.found_in = $1
  and (break.ordinal is not null or break.class in ('MISSING_IN_FILE', 'MISSING_FILE', 'FEE_MISMATCH')
       or (break.book_id is null and break.class in ('AMOUNT_MISMATCH', 'RESERVE_MISMATCH', 'FX_MISMATCH')))
  and (
      exists (select from break_proposal where break_proposal.break_id = break.id and break_proposal.state = 'waiting')
      or (break.state <> 'open' and not (break.state = 'resolved' and (break.resolution = 'undone'
          or (break.resolution = 'timing' and break.class in ('MISSING_IN_FILE', 'MISSING_FILE'))
          -- What was missing is found: by a line of another file, which stays.
          or (break.resolution = 'match' and break.class = 'MISSING_IN_FILE')
          or exists (select from break_proposal late where late.id = break.proposal_id and break.resolution = 'match' and late.proposed_by = $2))))
  )
order by break.id;
