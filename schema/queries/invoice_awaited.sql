-- What the lines of a month come to by contract and are to be invoiced for, by component. $1 acquirer, $2 month, $3 currency.
select held.component, sum(held.lines)::bigint as lines, sum(held.expected)::bigint as expected
from cost_sum held
join settlement_file_state file on file.source_id = held.source_id and file.state = 'booked'
where file.acquirer_id = $1 and held.month = $2 and held.currency = $3 and held.invoiced
group by held.component
order by held.component;
