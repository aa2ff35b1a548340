-- What differences of gross that are tolerated line by line come to in each batch of a file, where it is more than a batch may differ by; what lines and items of them come to. $1 source, $2 currencies, $3 what a line of each may differ by, $4 what a batch may.
with item as (
    select min(match.ordinal) as ordinal, sum(match.line_gross)::bigint as by_line, min(match.item_gross) as by_item, min(match.cost) as cost
    from settlement_match match
    where match.source_id = $1
    group by match.book_id, match.number
)
select line.batch, line.gross_currency as currency, count(*) as lines, sum(item.by_item)::bigint as expected,
    sum(item.by_line)::bigint as stated, sum(abs(item.by_line - item.by_item))::bigint as used, limits.batch as allowed
from item
join settlement_line line on line.source_id = $1 and line.ordinal = item.ordinal
join unnest($2::text[], $3::bigint[], $4::bigint[]) as limits (currency, line, batch) on limits.currency = line.gross_currency
where item.by_line <> item.by_item and item.by_line <> item.by_item - item.cost and abs(item.by_line - item.by_item) <= limits.line
group by line.batch, line.gross_currency, limits.batch
having sum(abs(item.by_line - item.by_item)) > limits.batch
order by line.batch, line.gross_currency;
