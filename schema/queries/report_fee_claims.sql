-- Costs of acquirers by contract and as they were stated: the claims by term and by the state of their breaks; then everything that was held to a contract, by term, deducted (checked) or awaited on an invoice (invoiced). Files and matches that are undone do not count. $1 acquirer or null, $2 first and $3 last booking day, or null.
select 'claim' as section, acquirer.name as acquirer, claim.component, claim.term, claim.currency,
    concat_ws(' ', found.state, found.resolution) as state, sum(claim.lines)::bigint as lines, min(claim.since) as since,
    sum(claim.expected)::text as expected, sum(claim.stated)::text as stated
from cost_claim claim
join acquirer on acquirer.id = claim.acquirer_id
left join settlement_file_state file on file.source_id = claim.source_id
left join break_proposal by_hand on by_hand.id = claim.proposal_id
cross join lateral (
    select break.state, break.resolution
    from break
    where break.source_id = claim.source_id and break.ordinal = claim.ordinal and break.class = 'FEE_MISMATCH'
        and break.resolution is distinct from 'undone'
    union all
    select break.state, break.resolution
    from break
    where break.source_id = claim.source_id and break.class = 'FEE_MISMATCH' and break.detail = claim.detail
        and break.ordinal is null and break.book_id is null
) found
where coalesce(file.state, 'booked') = 'booked' and coalesce(by_hand.state, 'executed') = 'executed' and ($1::text is null or acquirer.name = $1)
    and ($2::date is null or claim.booked_on >= $2) and ($3::date is null or claim.booked_on <= $3)
group by acquirer.name, claim.component, claim.term, claim.currency, found.state, found.resolution
union all
select case when held.invoiced then 'invoiced' else 'checked' end, acquirer.name, held.component, held.term, held.currency, '',
    sum(held.lines)::bigint, null, sum(held.expected)::text, sum(held.stated)::text
from cost_sum held
join settlement_file_state file on file.source_id = held.source_id and file.state = 'booked'
join acquirer on acquirer.id = file.acquirer_id
where ($1::text is null or acquirer.name = $1)
    and ($2::date is null or file.as_of >= $2) and ($3::date is null or file.as_of <= $3)
group by held.invoiced, acquirer.name, held.component, held.term, held.currency
order by 1, 2, 3, 4, 5, 6;
