-- A settlement file that was taken in before, as it stands; why it was quarantined, or rejected. $1 source.
select file.acquirer_id, acquirer.name as acquirer, now.state, file.format, file.lines, file.rejects, file.as_of,
    case when now.state = 'rejected' then format('rejected by %s: %s', rejected.decided_by, rejected.reason) else file.reason end as reason
from settlement_file file
join acquirer on acquirer.id = file.acquirer_id
join settlement_file_state now on now.source_id = file.source_id
left join file_decision rejected on rejected.source_id = file.source_id and rejected.decision = 'rejected'
where file.source_id = $1;
