-- Resolves the break of a deduction that paid an invoice, and keeps who did it; not one that is resolved, or that somebody has proposed to resolve. $1 break, $2 who, $3 note.
with resolved as (
    update break
    set state = 'resolved', resolution = 'match'
    where id = $1 and state <> 'resolved'
        and not exists (select from break_proposal where break_proposal.break_id = break.id and break_proposal.state = 'waiting')
    returning id
)
insert into break_step (break_id, what, by, note)
select id, 'resolved', $2, $3
from resolved;
