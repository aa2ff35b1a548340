-- Resolves what is open of a quarantined file that was decided about. $1 source, $2 resolution, $3 who decided.
with closed as (
    update break
    set state = 'resolved', resolution = $2
    where found_in = $1 and state <> 'resolved' and ordinal is null and book_id is null and class in ('TOTAL_MISMATCH', 'SUPERSEDED_FILE')
    returning break.id
)
insert into break_step (break_id, what, by, note)
select closed.id, 'resolved', $3, format('%s is %s', source.name, $2::text)
from closed
join source on source.id = $1
order by closed.id;
