-- Every fact that an acquirer reports is open, matched by a booked file, or closed by the resolution of its break, once; nothing else is. One that was undone may be neither, as may a capture that an aggregate hands in.
with items as (
    select book_id, number from open_item
    union all
    -- Several lines of one file may settle it together.
    select distinct on (match.book_id, match.number, match.source_id) match.book_id, match.number
    from standing_match match
    join settlement_file_state file on file.source_id = match.source_id and file.state = 'booked'
    union all
    select break.book_id, break.number
    from break_proposal proposal
    join break on break.id = proposal.break_id
    where proposal.state = 'executed' and proposal.item is not null
), counted as (
    select book_id, number, count(*) as times from items group by book_id, number
), facts as (
    select entry.book_id, entry.number, entry.kind,
           exists (
               select from entry undoing
               where undoing.book_id = entry.book_id and undoing.reverses = entry.number and undoing.kind in (15, 28, 30)
           ) as undone
    from entry
    where entry.kind in (6, 7, 16, 17, 18, 27)
       or (entry.kind = 3 and (entry.details is null or entry.details not like '%"aggregate":%'))
       or (entry.kind = 5 and (entry.details is null or entry.details not like '%"by":"transfer"%'))
       -- A refund that failed before it was reported is reported neither as made nor as failed.
       or (entry.kind = 15 and exists (
           select from settlement_match refund where refund.book_id = entry.book_id and refund.number = entry.reverses
       ))
)
select coalesce(facts.book_id, counted.book_id) as book_id, coalesce(facts.number, counted.number) as number,
       facts.kind, coalesce(counted.times, 0) as times
from facts
full join counted on counted.book_id = facts.book_id and counted.number = facts.number
where facts.number is null
   or counted.times > 1
   or (counted.times is null and not facts.undone)
order by 1, 2;
