-- What of a file of bank statements could not be read. $1 source.
select line, field, reason from bank_reject where source_id = $1 order by place;
