-- What the entries of a file came to, by kind and currency. $1 source.
select kind, currency, count(*) as parts, sum(amount)::bigint as amount
from bank_match
where source_id = $1
group by kind, currency
order by kind, currency;
