-- Proposes how breaks are resolved, all alike. $1 breaks, $2 currencies, $3 amounts; $4 plan, $5 request, $6 resolution, $7 reason,
-- $8 note, $9 evidence, $10 merchant, $11 recovers, $12 quiet until, $13 approvers, $14 finance heads, $15 who.
insert into break_proposal (break_id, currency, amount, round, plan, request, resolution, reason, note, evidence, merchant, recovers,
    quiet_until, approvers, finance_heads, proposed_by)
select proposed.break_id, proposed.currency, proposed.amount, coalesce(earlier.round, 0) + 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
    $14, $15
from unnest($1::bigint[], $2::text[], $3::bigint[]) as proposed (break_id, currency, amount)
left join lateral (select max(round) as round from break_proposal where break_proposal.break_id = proposed.break_id) earlier on true
order by proposed.break_id
returning id, break_id, round;
