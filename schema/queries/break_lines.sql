-- The settlement line of a break, as it came. $1 break.
select line.raw
from break
join settlement_line line on line.source_id = break.source_id and line.ordinal = break.ordinal
where break.id = $1;
