-- Keeps the rejects of a quarantined file of bank statements. $1 source, $2 lines, $3 fields, $4 reasons.
insert into bank_reject (source_id, place, line, field, reason)
select $1, place, line, field, reason
from unnest($2::bigint[], $3::text[], $4::text[]) with ordinality as reject (line, field, reason, place);
