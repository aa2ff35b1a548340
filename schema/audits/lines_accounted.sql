-- Every line of a booked settlement file is matched, or has a break, or is a row that books by itself or nothing; what entries are matched with it adds up to its gross amount.
select settlement_line.source_id, settlement_line.ordinal, settlement_line.line, settlement_line.record_type,
       count(standing_match.number) as matches
from settlement_file_state file
join settlement_line on settlement_line.source_id = file.source_id
left join standing_match
    on standing_match.source_id = settlement_line.source_id and standing_match.ordinal = settlement_line.ordinal
where file.state = 'booked'
group by settlement_line.source_id, settlement_line.ordinal, settlement_line.line, settlement_line.record_type, settlement_line.gross
having (count(standing_match.number) > 0 and sum(standing_match.line_gross) is distinct from settlement_line.gross)
    or (count(standing_match.number) = 0
        and settlement_line.record_type not in (5, 6, 11, 12, 13, 14, 15)
        and not exists (
            select from break
            where break.source_id = settlement_line.source_id and break.ordinal = settlement_line.ordinal
        ))
order by settlement_line.source_id, settlement_line.ordinal;
