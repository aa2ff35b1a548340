-- Batches that a bank statement pays, of which nothing is awaited any more, and the words with which the break of a missing receipt begins. $1 source.
select awaited.acquirer_id, format('batch %s in %s: ', awaited.batch, awaited.currency) as words
from awaited
where awaited.open = 0
    and exists (
        select from bank_match told
        where told.source_id = $1 and told.kind = 'receipt' and told.acquirer_id = awaited.acquirer_id and told.batch = awaited.batch
            and told.currency = awaited.currency
    )
order by awaited.acquirer_id, awaited.batch, awaited.currency;
