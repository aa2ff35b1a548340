-- A receipt that leaves suspense for batches of acquirers leaves it whole, names each of them, and takes off 1110 what they await no more.
with given as (
    select proposal.id, proposal.break_id, proposal.reason, proposal.state, count(paid.batch) as batches, sum(paid.amount) as amount,
        sum(paid.settled) as settled
    from break_proposal proposal
    left join break_batch paid on paid.proposal_id = proposal.id
    where proposal.reason = 'pays_batches' or paid.proposal_id is not null
    group by proposal.id, proposal.break_id, proposal.reason, proposal.state
), moved as (
    select booked.proposal_id, sum(case when account.id = transfer.credit_account then transfer.amount else -transfer.amount end) as amount
    from break_entry booked
    join transfer on transfer.book_id = booked.book_id and transfer.entry_number = booked.number
    join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code = 1110
    group by booked.proposal_id
)
select given.id as proposal_id, given.break_id, given.state, money.suspense, given.amount, given.settled, moved.amount as moved
from given
left join break_money money on money.break_id = given.break_id
left join moved on moved.proposal_id = given.id
where given.reason <> 'pays_batches' or given.batches = 0 or given.amount is distinct from money.suspense
    or (given.state in ('executed', 'reopened') and coalesce(moved.amount, 0) <> given.settled)
order by given.id;
