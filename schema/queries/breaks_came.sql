-- Resolves the breaks of what was missing and has come with a file; what was proposed about them is withdrawn. $1 source, $2 class, $3 acquirers, $4 beside each the words with which the detail begins.
with came as (
    update break
    set state = 'resolved', resolution = 'timing'
    from unnest($3::smallint[], $4::text[]) as missing (acquirer_id, words)
    where break.class = $2 and break.acquirer_id = missing.acquirer_id and break.state <> 'resolved'
        and starts_with(break.detail, missing.words)
    returning break.id
), withdrawn as (
    update break_proposal
    set state = 'withdrawn'
    from came
    where break_proposal.break_id = came.id and break_proposal.state = 'waiting'
)
insert into break_step (break_id, what, by, note)
select came.id, 'resolved', 'acquit', format('it came with %s', source.name)
from came
join source on source.id = $1
order by came.id;
