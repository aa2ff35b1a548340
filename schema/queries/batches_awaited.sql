-- What batches await, each once. $1 currency, $2 names of acquirers, $3 batches.
select named.place, awaited.acquirer_id, awaited.open, awaited.booked_on
from unnest($2::text[], $3::text[]) with ordinality as named (acquirer, batch, place)
join acquirer on acquirer.name = named.acquirer
join awaited on awaited.acquirer_id = acquirer.id and awaited.batch = named.batch and awaited.currency = $1
order by named.place;
