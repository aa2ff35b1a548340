-- How many files of an acquirer about each day were taken in and are not undone, how many of them are booked, and whether people have resolved that none came. $1 acquirer, $2 first and $3 last day.
with come as (
    select file.as_of as day, 1 as received, (file.state = 'booked')::int as booked, false as resolved
    from settlement_file_state file
    join acquirer on acquirer.id = file.acquirer_id
    where acquirer.name = $1 and file.as_of between $2 and $3 and file.state in ('booked', 'quarantined', 'rejected')
    union all
    select substring(break.detail from '^file about ([-0-9]{10}): ')::date, 0, 0, true
    from break
    join acquirer on acquirer.id = break.acquirer_id
    where acquirer.name = $1 and break.class = 'MISSING_FILE' and break.state = 'resolved' and break.proposal_id is not null
        and starts_with(break.detail, 'file about ')
)
select come.day, sum(come.received) as received, sum(come.booked) as booked, bool_or(come.resolved) as resolved
from come
where come.day between $2 and $3
group by come.day
order by come.day;
