-- Resolves the breaks of items that were missing and have come with a file; what was proposed about them is withdrawn. From the open
-- breaks, since those are few and the matches of a file many. $1 source.
with missing as materialized (
    select id, book_id, number from break where class = 'MISSING_IN_FILE' and state <> 'resolved'
), settled as (
    update break
    set state = 'resolved', resolution = 'timing'
    from missing
    where break.id = missing.id
        and exists (
            select from settlement_match match
            where match.source_id = $1 and match.book_id = missing.book_id and match.number = missing.number
        )
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
