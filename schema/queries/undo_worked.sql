-- Breaks of a settlement file that somebody has worked on: they stand in the way of undoing it. $1 source.
select break.id, break.class, break.state
from break
where break.found_in = $1
  and (break.ordinal is not null or break.class in ('MISSING_IN_FILE', 'MISSING_FILE'))
  and break.state <> 'open'
  and not (break.class in ('MISSING_IN_FILE', 'MISSING_FILE') and break.resolution in ('timing', 'undone'))
order by break.id;
