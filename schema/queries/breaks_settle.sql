-- Resolves the breaks of items that were missing and have come with a file; what was proposed about them is withdrawn. $1 source.
with settled as (
    update break
    set state = 'resolved', resolution = 'timing'
    from settlement_match match
    where match.source_id = $1 and break.book_id = match.book_id and break.number = match.number and break.class = 'MISSING_IN_FILE'
        and break.state <> 'resolved'
    returning break.id
), withdrawn as (
    update break_proposal
    set state = 'withdrawn'
    from settled
    where break_proposal.break_id = settled.id and break_proposal.state = 'waiting'
)
insert into break_step (break_id, what, by, note)
select settled.id, 'resolved', 'acquit', format('reported by %s', source.name)
from settled
join source on source.id = $1
order by settled.id;
