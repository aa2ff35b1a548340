-- A file of bank statements. $1 source.
select state, reason, format, entries, rejects from bank_file where source_id = $1;
