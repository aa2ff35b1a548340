-- Resolves the breaks of batches that were missing and have come with a file; what was proposed about them is withdrawn. $1 source, $2 acquirer.
with came as (
    update break
    set state = 'resolved', resolution = 'timing'
    from (select distinct format('batch %s ', batch::bigint) as words from settlement_batch where source_id = $1 and batch ~ '^[0-9]{1,15}$') batch
    where break.class = 'MISSING_FILE' and break.acquirer_id = $2 and break.state <> 'resolved' and starts_with(break.detail, batch.words)
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
