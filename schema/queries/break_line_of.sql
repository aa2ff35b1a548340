-- The line of a break, with the entry that holds its money and its file as it stands. $1 break.
select line.ordinal, line.record_type, line.batch, '' as key, coalesce(line.gross, 0) as gross,
    coalesce(line.gross_currency, line.net_currency) as gross_currency, line.net, line.net_currency, line.interchange, line.scheme_fee,
    line.commission + line.markup as acquirer_cost, line.tax, line.reserve, line.occurred_on,
    break.source_id, break.suspense_number, break.acquirer_id, acquirer.name as acquirer, file.as_of, file.state
from break
join acquirer on acquirer.id = break.acquirer_id
join settlement_line line on line.source_id = break.source_id and line.ordinal = break.ordinal
join settlement_file_state file on file.source_id = break.source_id
where break.id = $1 and break.suspense_number is not null;
