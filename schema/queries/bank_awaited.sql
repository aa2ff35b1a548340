-- Batches of which something is awaited, or that one of these words may name, paid or not. $1 currency, $2 words in capitals.
select awaited.acquirer_id, acquirer.name, awaited.batch, awaited.net, awaited.open, awaited.expected_on, awaited.booked_on,
    coalesce(awaited.words, '{}') as words
from awaited
join acquirer on acquirer.id = awaited.acquirer_id
where awaited.currency = $1
    and (awaited.open <> 0 or upper(awaited.batch) = any($2::text[])
        or exists (select from unnest(awaited.words) as paid_as where string_to_array(paid_as, ' ') <@ $2))
order by acquirer.name, awaited.batch;
