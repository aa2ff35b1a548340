-- The breaks that a settlement file showed, by class, state and currency. $1: the file's source.
select class, state, currency, count(*) as breaks, sum(coalesce(actual, 0) - coalesce(expected, 0))::text as difference
from break
where found_in = $1
group by class, state, currency
order by class, state, currency
