-- Batches that are awaited since before a day and have not come become breaks, each once. $1 source, $2 currency, $3 the day.
insert into break (class, acquirer_id, source_id, expected, expected_in, found_in, expected_on, detail)
select 'MISSING_RECEIPT', awaited.acquirer_id, $1, awaited.open, awaited.currency, $1, awaited.expected_on,
    format('batch %s in %s: awaited since %s', awaited.batch, awaited.currency, awaited.expected_on)
from awaited
where awaited.currency = $2 and awaited.open <> 0 and awaited.net <> 0 and awaited.expected_on < $3
    and not exists (
        select from break
        where break.class = 'MISSING_RECEIPT' and break.acquirer_id = awaited.acquirer_id and break.state <> 'resolved'
            and starts_with(break.detail, format('batch %s in %s: ', awaited.batch, awaited.currency))
    )
order by awaited.acquirer_id, awaited.batch;
