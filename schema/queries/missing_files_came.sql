-- Resolves the breaks of what was missing and has come with a file; what was proposed about them is withdrawn. $1 source, $2 acquirer, $3 the words that name each gap.
with came as (
    update break
    set state = 'resolved', resolution = 'timing'
    from unnest($3::text[]) as gap (words)
    where break.class = 'MISSING_FILE' and break.acquirer_id = $2 and break.state <> 'resolved' and starts_with(break.detail, gap.words)
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
