-- Business days after an acquirer's first file of which a file should have come and none did: a break each, unless one is open or people have resolved it. Files in quarantine have come. $1 acquirer, $2 source of what showed it, $3 days, beside each $4 until when it was due and $5 the words that name it.
with come as materialized (
    select file.as_of
    from settlement_file_state file
    where file.acquirer_id = $1 and file.state in ('booked', 'quarantined', 'rejected')
)
insert into break (class, acquirer_id, source_id, found_in, expected_on, detail)
select 'MISSING_FILE', $1, $2, $2, missing.due_on, format('%sit was due on %s and has not come', missing.words, missing.due_on)
from unnest($3::date[], $4::date[], $5::text[]) as missing (day, due_on, words)
where missing.day > (select min(come.as_of) from come)
    and missing.day not in (select come.as_of from come where come.as_of is not null)
    and not exists (
        select from break
        where break.class = 'MISSING_FILE' and break.acquirer_id = $1 and (break.state <> 'resolved' or break.proposal_id is not null)
            and starts_with(break.detail, missing.words)
    )
order by missing.day
on conflict (source_id, class, detail) where ordinal is null and book_id is null do nothing;
