-- The breaks that a settlement file showed, by class, state and currency (none where the two sides differ in currency). $1: the
-- file's source.
select break.class, break.state, sides.currency, count(*) as breaks,
       coalesce(sum(coalesce(break.actual, 0) - coalesce(break.expected, 0)) filter (where sides.currency is not null), 0)::text as difference
from break
cross join lateral (
    select case
        when break.expected_in is null then break.actual_in
        when break.actual_in is null or break.actual_in = break.expected_in then break.expected_in
    end as currency
) sides
where break.found_in = $1
group by break.class, break.state, sides.currency
order by break.class, break.state, sides.currency;
