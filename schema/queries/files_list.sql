-- Settlement files as they stand, oldest first, with the last decision about each. $1 acquirer, $2 state, $3 a name or the beginning of
-- a digest in hex, $4 source; each null for all.
select file.source_id, source.run, source.name, source.digest, file.acquirer_id, acquirer.name as acquirer,
    file.format, now.state, file.reason, file.lines, file.rejects, file.as_of, source.recorded_at,
    coalesce(batch.batches, 0) as batches, coalesce(found.breaks, 0) as breaks, coalesce(found.unresolved, 0) as unresolved,
    presented.decided_by as presented_by, last.decision, last.decided_by, last.reason as decided_for, last.decided_at, last.run_id,
    superseding.name as superseded_by
from settlement_file file
join settlement_file_state now on now.source_id = file.source_id
join source on source.id = file.source_id
join acquirer on acquirer.id = file.acquirer_id
left join (
    select source_id, count(distinct batch) as batches from settlement_batch group by source_id
) batch on batch.source_id = file.source_id
left join (
    select found_in, count(*) as breaks, count(*) filter (where state <> 'resolved') as unresolved from break group by found_in
) found on found.found_in = file.source_id
left join file_decision presented on presented.source_id = file.source_id and presented.decision = 'presented'
left join lateral (
    select * from file_decision decision
    where decision.source_id = file.source_id and decision.decision <> 'presented'
    order by array_position(array['undone', 'released', 'rejected'], decision.decision)
    limit 1
) last on true
left join source superseding on superseding.id = last.superseded_by
where ($1::text is null or acquirer.name = $1)
  and ($2::text is null or now.state = $2)
  and ($3::text is null or source.name = $3 or starts_with(encode(source.digest, 'hex'), lower($3)))
  and ($4::bigint is null or file.source_id = $4)
order by file.source_id;
