-- Every capture, refund, chargeback and chargeback reversal is either open or matched, once; nothing else is. A reversed one may be neither.
with items as (
    select book_id, number from open_item
    union all
    select book_id, number from settlement_match
), counted as (
    select book_id, number, count(*) as times from items group by book_id, number
), facts as (
    select entry.book_id, entry.number, entry.kind,
           exists (
               select from entry reversal
               where reversal.book_id = entry.book_id and reversal.reverses = entry.number and reversal.kind = 30
           ) as reversed
    from entry
    where entry.kind in (3, 5, 6, 7)
)
select coalesce(facts.book_id, counted.book_id) as book_id, coalesce(facts.number, counted.number) as number,
       facts.kind, coalesce(counted.times, 0) as times
from facts
full join counted on counted.book_id = facts.book_id and counted.number = facts.number
where facts.number is null
   or counted.times > 1
   or (counted.times is null and not facts.reversed)
order by 1, 2;
