-- Which batches a proposal gives a receipt to. $1 proposal.
select acquirer.name as acquirer, paid.batch, paid.currency, paid.amount
from break_batch paid
join acquirer on acquirer.id = paid.acquirer_id
where paid.proposal_id = $1
order by acquirer.name, paid.batch;
