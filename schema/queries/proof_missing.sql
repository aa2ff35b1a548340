-- What is known to be missing at the end of a day: files and statements that have not come, those in quarantine; days without a file are told from the settings. $1 day.
with shown as (
    select source.id as source_id, coalesce(
        (select entry.booking_date from entry where entry.source_id = source.id and entry.kind in (10, 11, 12) limit 1),
        (select file.as_of from settlement_file file where file.source_id = source.id),
        (select max(statement.until_on) from bank_statement statement where statement.source_id = source.id)
    ) as shown_on
    from source
    where source.kind in ('settlement', 'bank')
)
select acquirer.name as acquirer, break.id as break_id, break.detail
from break
join acquirer on acquirer.id = break.acquirer_id
left join shown on shown.source_id = break.found_in
where break.class = 'MISSING_FILE' and break.state <> 'resolved' and not starts_with(break.detail, 'file about ') and coalesce(shown.shown_on <= $1::date, true)
union all
select acquirer.name, null, format('%s is in quarantine', source.name)
from settlement_file_state file
join acquirer on acquirer.id = file.acquirer_id
join source on source.id = file.source_id
where file.state = 'quarantined' and coalesce(file.as_of, $1) <= $1
order by 1, 2, 3;
