-- Resolves the breaks of receipts that were missing and have come with a file; what was proposed about them is withdrawn. $1 source.
with came as (
    update break
    set state = 'resolved', resolution = 'timing'
    from awaited
    where break.class = 'MISSING_RECEIPT' and break.state <> 'resolved' and awaited.acquirer_id = break.acquirer_id and awaited.open = 0
        and exists (
            select from bank_match told
            where told.source_id = $1 and told.kind = 'receipt' and told.acquirer_id = awaited.acquirer_id and told.batch = awaited.batch
                and told.currency = awaited.currency
        )
        and starts_with(break.detail, format('batch %s in %s: ', awaited.batch, awaited.currency))
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
