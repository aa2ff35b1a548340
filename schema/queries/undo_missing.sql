-- Items that a settlement file had settled late are missing again, unless the file that missed them is undone too. $1 source, $2 who undoes it.
with last as (
    select distinct on (break.book_id, break.number) break.id, finder.decision is not null as is_undone, break.resolution
    from standing_match match
    join break on break.book_id = match.book_id and break.number = match.number and break.class = 'MISSING_IN_FILE'
    left join file_decision finder on finder.source_id = break.found_in and finder.decision = 'undone'
    where match.source_id = $1
    order by break.book_id, break.number, break.id desc
), again as (
    update break
    set state = case when last.is_undone then 'resolved' else 'open' end, resolution = case when last.is_undone then 'undone' end
    from last
    where break.id = last.id and last.resolution = 'timing' and break.proposal_id is null
    returning break.id, break.state
)
insert into break_step (break_id, what, by, note)
select again.id, case again.state when 'open' then 'reopened' else 'resolved' end, $2, format('%s is undone', source.name)
from again
join source on source.id = $1
order by again.id;
