-- Every match is with a line of a settlement file that is booked, or was until it was undone, and states the gross amount of that line.
select settlement_match.book_id, settlement_match.number, settlement_match.source_id, settlement_match.ordinal,
       settlement_match.line_gross, settlement_line.gross
from settlement_match
left join settlement_file_state file on file.source_id = settlement_match.source_id
left join settlement_line
    on settlement_line.source_id = settlement_match.source_id and settlement_line.ordinal = settlement_match.ordinal
where coalesce(file.state, '') not in ('booked', 'undone', 'superseded')
   or settlement_line.gross is distinct from settlement_match.line_gross
order by settlement_match.book_id, settlement_match.number;
