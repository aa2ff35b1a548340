-- How many files of an acquirer about each day were taken in and are not undone, and how many of them are booked. $1 acquirer, $2 first and $3 last day.
select file.as_of, count(*) as received, count(*) filter (where file.state = 'booked') as booked
from settlement_file_state file
join acquirer on acquirer.id = file.acquirer_id
where acquirer.name = $1 and file.as_of between $2 and $3 and file.state in ('booked', 'quarantined', 'rejected')
group by file.as_of
order by file.as_of;
