-- The acquirer, but not this one, whose open items most of these lines name by their references. $1 source, $2 acquirer, $3 ordinals.
select acquirer.name, count(distinct line.ordinal) as lines
from settlement_line line
join open_item item
    on item.acquirer_id <> $2 and item.record_type = line.record_type and item.currency = line.gross_currency
    and (item.acquirer_reference = line.acquirer_reference or item.arn = line.arn)
join acquirer on acquirer.id = item.acquirer_id
where line.source_id = $1 and line.ordinal = any($3)
group by acquirer.name
order by lines desc, acquirer.name
limit 1;
