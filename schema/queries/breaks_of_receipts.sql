-- Breaks of batches whose receipt was missing, by number. $1 names of acquirers, $2 batches, $3 currency, $4 whether those that a match resolved, else those that are not resolved.
select distinct break.id
from unnest($1::text[], $2::text[]) as named (acquirer, batch)
join acquirer on acquirer.name = named.acquirer
join break on break.class = 'MISSING_RECEIPT' and break.acquirer_id = acquirer.id
    and starts_with(break.detail, format('batch %s in %s: ', named.batch, $3::text))
where case when $4::boolean then break.resolution is not distinct from 'match' else break.state <> 'resolved' end
order by break.id;
