-- Resolves open breaks of files that were undone since. $1 numbers, $2 who.
with undone as (
    update break
    set state = 'resolved', resolution = 'undone'
    from file_decision finder
    where break.id = any($1::bigint[]) and break.state = 'open' and break.class = 'MISSING_IN_FILE'
        and finder.source_id = break.found_in and finder.decision = 'undone'
    returning break.id, break.found_in
)
insert into break_step (break_id, what, by, note)
select undone.id, 'resolved', $2, format('%s is undone', source.name)
from undone
join source on source.id = undone.found_in
order by undone.id;
