-- Every break that was resolved with a booking is so by one proposal, which others approved, and whose entries name it; of one that was opened again they are reversed, each once.
with resolved as (
    select break.id, break.resolution as stated, proposal.id as proposal_id, proposal.break_id, proposal.resolution, proposal.state, proposal.reason
    from break
    left join break_proposal proposal on proposal.id = break.proposal_id
    where break.state = 'resolved' and (break.proposal_id is not null or break.resolution not in ('match', 'timing', 'undone', 'released', 'rejected'))
), booked as (
    select proposal.id, proposal.break_id, proposal.state, proposal.resolution, proposal.amount, count(entry.number) as entries,
           count(*) filter (where break_entry.number is not null and (entry.number is null or entry.kind <> 31
               or entry.details::jsonb ->> 'break' is distinct from proposal.break_id::text)) as others,
           count(reversing.number) as reversed
    from break_proposal proposal
    left join break_entry on break_entry.proposal_id = proposal.id
    left join entry on entry.book_id = break_entry.book_id and entry.number = break_entry.number
    left join entry reversing on reversing.book_id = break_entry.book_id and reversing.reverses = break_entry.number and reversing.kind = 30
    group by proposal.id, proposal.break_id, proposal.state, proposal.resolution, proposal.amount
)
select 'break' as what, id, proposal_id, stated as found, resolution as expected
from resolved
where break_id is distinct from id or stated is distinct from resolution or state is distinct from 'executed'
union all
select 'executed and not resolved', proposal.break_id, proposal.id, break.state, 'resolved'
from break_proposal proposal
join break on break.id = proposal.break_id
where proposal.state = 'executed' and break.proposal_id is distinct from proposal.id
union all
select 'entries', break_id, id, format('%s entries, %s reversed, %s others', entries, reversed, others), state
from booked
where others > 0
   or (state in ('waiting', 'withdrawn') and entries > 0)
   or (state = 'executed' and reversed > 0)
   or (state = 'reopened' and reversed <> entries)
union all
select 'an entry of no break', entry.book_id, entry.number, entry.reference, 'a proposal'
from entry
left join break_entry on break_entry.book_id = entry.book_id and break_entry.number = entry.number
where entry.kind = 31 and break_entry.number is null
order by 1, 2, 3;
