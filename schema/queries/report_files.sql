-- Settlement files taken in. $1: a name or the beginning of a digest in hex, or null for all but those that are undone or superseded.
select source.id, source.name, encode(source.digest, 'hex') as digest, acquirer.name as acquirer, now.state,
       settlement_file.lines, settlement_file.rejects, settlement_file.as_of
from settlement_file
join settlement_file_state now on now.source_id = settlement_file.source_id
join source on source.id = settlement_file.source_id
join acquirer on acquirer.id = settlement_file.acquirer_id
where ($1::text is null and now.state not in ('undone', 'superseded')) or source.name = $1 or starts_with(encode(source.digest, 'hex'), lower($1))
order by source.id;
