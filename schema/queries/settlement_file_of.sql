-- A settlement file that was taken in before. $1 source.
select acquirer_id, state, reason, lines, rejects, as_of from settlement_file where source_id = $1;
