-- The acquirer, but not this one, whose open items most of these lines name by their references. $1 source, $2 acquirer, $3 ordinals.
with line as materialized (
    select ordinal, record_type, gross_currency, acquirer_reference, arn
    from settlement_line
    where source_id = $1 and ordinal = any($3)
), named as (
    select item.acquirer_id, line.ordinal
    from line
    join open_item item
        on item.acquirer_reference = line.acquirer_reference and item.record_type = line.record_type and item.currency = line.gross_currency
    where item.acquirer_id <> $2
    union
    select item.acquirer_id, line.ordinal
    from line
    join open_item item on item.arn = line.arn and item.record_type = line.record_type and item.currency = line.gross_currency
    where item.acquirer_id <> $2
)
select acquirer.name, count(*) as lines
from named
join acquirer on acquirer.id = named.acquirer_id
group by acquirer.name
order by lines desc, acquirer.name
limit 1;
