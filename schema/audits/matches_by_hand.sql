-- Every match by hand is of a proposal about the break of its line, which names its entry and was booked; and what a proposal that was booked names is matched. What the acquirer pays only goes from one book to another.
with by_hand as (
    select proposal.id, proposal.break_id, proposal.state in ('executed', 'reopened') as is_booked, break.source_id, break.ordinal
    from break_proposal proposal
    join break on break.id = proposal.break_id
    where proposal.reason = 'matched_by_hand'
)
select 'match' as what, match.proposal_id, match.book_id, match.number, match.ordinal::bigint as found
from settlement_match match
left join by_hand
    on by_hand.id = match.proposal_id and by_hand.is_booked and by_hand.source_id = match.source_id and by_hand.ordinal = match.ordinal
left join break_match named on named.proposal_id = match.proposal_id and named.book_id = match.book_id and named.number = match.number
where match.proposal_id is not null and (by_hand.id is null or named.item is null)
union all
select 'named', by_hand.id, named.book_id, named.number, count(match.number)
from by_hand
left join break_match named on named.proposal_id = by_hand.id
left join settlement_match match
    on match.proposal_id = by_hand.id and match.book_id = named.book_id and match.number = named.number
group by by_hand.id, by_hand.is_booked, named.book_id, named.number
having count(match.number) <> case when by_hand.is_booked then 1 else 0 end or named.number is null
union all
select 'in transit', by_hand.id, null, null, sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end)::bigint
from by_hand
join break_entry on break_entry.proposal_id = by_hand.id
join transfer on transfer.book_id = break_entry.book_id and transfer.entry_number = break_entry.number
join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code = 1110
group by by_hand.id, account.currency
having sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end) <> 0
order by 1, 2, 3, 4;
