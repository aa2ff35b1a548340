-- Every match is with a line of a settlement file that is booked, or was until it was undone, and states what both sides came to; of a group, all lines are of one batch and all entries of one book.
with matched as (
    select settlement_match.book_id, settlement_match.number, settlement_match.source_id, settlement_match.ordinal,
           settlement_match.round, settlement_match.line_gross, settlement_match.item_gross, settlement_line.gross, settlement_line.batch, file.state
    from settlement_match
    left join settlement_file_state file on file.source_id = settlement_match.source_id
    left join settlement_line
        on settlement_line.source_id = settlement_match.source_id and settlement_line.ordinal = settlement_match.ordinal
)
select book_id, number, source_id, ordinal, line_gross, gross
from matched
where coalesce(state, '') not in ('booked', 'undone', 'superseded')
   or gross is null
   or (gross <> line_gross and item_gross <> line_gross)
union all
select min(book_id), min(number), source_id, ordinal, sum(line_gross), min(gross)
from matched
group by source_id, ordinal, round
having count(distinct book_id) > 1
union all
select book_id, number, source_id, min(ordinal), sum(line_gross), min(gross)
from matched
group by book_id, number, source_id, round
having count(distinct batch) > 1
order by 1, 2;
