-- The first day that a settlement file of each acquirer was about.
select acquirer.name, min(file.as_of) as first_on
from settlement_file file
join acquirer on acquirer.id = file.acquirer_id
where file.as_of is not null
group by acquirer.name
order by acquirer.name;
