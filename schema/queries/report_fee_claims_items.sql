-- Claims one by one, with the line that each is of, and the break that it is worked on by. Files and matches that are undone do not count. $1 acquirer or null, $2 first and $3 last booking day, or null.
select acquirer.name as acquirer, source.name as file, claim.batch, claim.component, claim.term, line.line, claim.lines, claim.since,
    line.acquirer_reference, line.merchant_reference, claim.currency, claim.expected, claim.stated, found.id as break_id,
    concat_ws(' ', found.state, found.resolution) as state
from cost_claim claim
join acquirer on acquirer.id = claim.acquirer_id
join source on source.id = claim.source_id
left join settlement_file_state file on file.source_id = claim.source_id
left join break_proposal by_hand on by_hand.id = claim.proposal_id
left join settlement_line line on line.source_id = claim.source_id and line.ordinal = claim.ordinal
cross join lateral (
    select break.id, break.state, break.resolution
    from break
    where break.source_id = claim.source_id and break.ordinal = claim.ordinal and break.class = 'FEE_MISMATCH'
        and break.resolution is distinct from 'undone'
    union all
    select break.id, break.state, break.resolution
    from break
    where break.source_id = claim.source_id and break.class = 'FEE_MISMATCH' and break.detail = claim.detail
        and break.ordinal is null and break.book_id is null
) found
where coalesce(file.state, 'booked') = 'booked' and coalesce(by_hand.state, 'executed') = 'executed' and ($1::text is null or acquirer.name = $1)
    and ($2::date is null or claim.booked_on >= $2) and ($3::date is null or claim.booked_on <= $3)
order by acquirer.name, claim.source_id, claim.place;
