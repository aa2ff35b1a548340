-- What was written off of a break and is not recovered: a loss below zero, income above. $1 break.
select booked.book_id, account.currency,
    sum(case when account.id = transfer.credit_account then transfer.amount else -transfer.amount end)::bigint as amount
from break_proposal proposal
join break_entry booked on booked.proposal_id = proposal.id
join transfer on transfer.book_id = booked.book_id and transfer.entry_number = booked.number
join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code in (4070, 5070)
where proposal.state = 'executed'
    and ((proposal.break_id = $1 and proposal.resolution = 'write_off') or (proposal.recovers = $1 and proposal.resolution = 'recovery'))
group by booked.book_id, account.currency;
