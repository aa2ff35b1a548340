-- Keeps the rejects of a quarantined file. $1 source, $2 lines, $3 columns, $4 reasons, $5 rows as they came.
insert into settlement_reject (source_id, place, line, column_name, reason, raw)
select $1, place, line, column_name, reason, raw
from unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) with ordinality as reject (line, column_name, reason, raw, place);
