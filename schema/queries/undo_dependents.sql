-- Files booked after this one with a line that was taken for a repetition of a line of it. $1 source, $2 acquirer.
with booked as (
    select file.source_id, coalesce(released.decided_at, source.recorded_at) as booked_at
    from settlement_file_state file
    join source on source.id = file.source_id
    left join file_decision released on released.source_id = file.source_id and released.decision = 'released'
    where file.state = 'booked' and file.acquirer_id = $2
), later_file as (
    select later.source_id
    from booked this
    join booked later on later.booked_at >= this.booked_at and later.source_id <> this.source_id
    where this.source_id = $1
)
select distinct source.name
from break
join later_file on later_file.source_id = break.source_id
join settlement_line later on later.source_id = break.source_id and later.ordinal = break.ordinal
join settlement_line line
    on line.record_type = later.record_type and line.gross_currency = later.gross_currency and line.source_id = $1
    and (line.acquirer_reference = later.acquirer_reference
        or (line.acquirer_reference is null and later.acquirer_reference is null and line.arn = later.arn and line.gross = later.gross))
left join standing_match match on match.source_id = line.source_id and match.ordinal = line.ordinal
join source on source.id = break.source_id
where break.class = 'DUPLICATE_IN_FILE' and break.acquirer_id = $2
    and (match.source_id is not null or line.gross = later.gross)
    and not exists (
        select from break own
        where own.source_id = line.source_id and own.ordinal = line.ordinal and own.class = 'DUPLICATE_IN_FILE'
    )
union
-- Fees of their own, which settle nothing.
select source.name
from break
join later_file on later_file.source_id = break.source_id
join settlement_line later on later.source_id = break.source_id and later.ordinal = break.ordinal and later.record_type = 5
join settlement_line line
    on line.acquirer_reference = later.acquirer_reference and line.record_type = 5 and line.source_id = $1
    and line.net = later.net and line.net_currency = later.net_currency and line.occurred_on = later.occurred_on
join source on source.id = break.source_id
where break.class = 'DUPLICATE_IN_FILE' and break.acquirer_id = $2
    -- What is a repetition itself is none that others repeat.
    and not exists (
        select from break own
        where own.source_id = line.source_id and own.ordinal = line.ordinal and own.class = 'DUPLICATE_IN_FILE'
    )
order by name;
