-- Batches that are missing just before or after those of a file, where an acquirer, or each account there, numbers its batches without a gap: a break each, but the first ones of a gap only, unless one is open. Files in quarantine have come. $1 source, $2 acquirer, $3 how many of a gap.
with known as (
    select coalesce(substring(batch.batch from '^(.* )[0-9]{1,15}$'), '') as account,
        substring(batch.batch from '[0-9]{1,15}$')::bigint as number, bool_or(batch.source_id = $1) as here
    from settlement_batch batch
    left join settlement_file_state file on file.source_id = batch.source_id
    where batch.batch ~ '^(.* )?[0-9]{1,15}$'
        and (batch.source_id = $1 or (file.acquirer_id = $2 and file.state in ('booked', 'quarantined')))
    group by 1, 2
), pairs as (
    select account, lag(number) over counted as before, number as after, lag(here) over counted or here as here
    from known
    window counted as (partition by account order by number)
), missing as (
    select pairs.account, pairs.before, pairs.after, number
    from pairs
    cross join generate_series(pairs.before + 1, least(pairs.after - 1, pairs.before + $3)) as number
    where pairs.here and pairs.before is not null
)
insert into break (class, acquirer_id, source_id, found_in, detail)
select 'MISSING_FILE', $2, $1, $1, format('batch %s%s has not come: %s came after %s', missing.account, missing.number, missing.after, missing.before)
from missing
where not exists (
    select from break
    where break.class = 'MISSING_FILE' and break.acquirer_id = $2 and break.state <> 'resolved'
        and starts_with(break.detail, format('batch %s%s ', missing.account, missing.number))
)
order by missing.account, missing.number
on conflict (source_id, class, detail) where ordinal is null and book_id is null do nothing;
