-- Keeps the rejects of a quarantined file. $1 source, $2 lines, $3 columns, $4 reasons.
insert into settlement_reject (source_id, place, line, column_name, reason)
select $1, place, line, column_name, reason
from unnest($2::bigint[], $3::text[], $4::text[]) with ordinality as reject (line, column_name, reason, place);
