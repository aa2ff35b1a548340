-- Breaks, oldest first. Null asks for any: $1 class, $2 states, $3 acquirer, $4 owner, $5 expected before this day, $6 at stake no
-- less than so much of $7 currency, $8 only those with money in suspense, $9 numbers.
select break.id, break.class, acquirer.name as acquirer, break.state, break.resolution, break.owner, source.name as file, break.ordinal,
    line.line, book.merchant, entry.payment, entry.reference, break.expected, break.expected_in, break.actual, break.actual_in,
    break.suspense_number, money.suspense, money.suspense_in, money.stake, money.stake_in, break.expected_on, found.name as found_in,
    coalesce(file.as_of, entry.booking_date) as found_on, awaited.on_day as awaited_on, break.quiet_until, break.detail,
    proposal.plan, proposal.proposed_by, proposal.resolution as proposed, proposal.reason, proposal.approvers, proposal.finance_heads,
    proposal.first_approver, proposal.second_approver
from break
join acquirer on acquirer.id = break.acquirer_id
join source found on found.id = break.found_in
join break_money money on money.break_id = break.id
left join settlement_file file on file.source_id = break.found_in
left join source on source.id = break.source_id
left join settlement_line line on line.source_id = break.source_id and line.ordinal = break.ordinal
left join book on book.id = break.book_id
left join entry on entry.book_id = break.book_id and entry.number = break.number
left join break_proposal proposal on proposal.break_id = break.id and proposal.state = case break.state when 'resolved' then 'executed' else 'waiting' end
cross join lateral (
    select coalesce(break.expected_on, file.as_of, entry.booking_date, (found.recorded_at at time zone 'UTC')::date) as on_day
) awaited
where ($1::text is null or break.class = $1) and ($2::text[] is null or break.state = any($2)) and ($3::text is null or acquirer.name = $3)
    and ($4::text is null or break.owner = $4) and ($5::date is null or awaited.on_day < $5)
    and ($6::bigint is null or (money.stake >= $6 and money.stake_in = $7::text)) and (not $8::boolean or money.suspense <> 0)
    and ($9::bigint[] is null or break.id = any($9))
order by break.id;
