-- The rejects of a quarantined file, in its order. $1 source.
select line, column_name, reason, raw from settlement_reject where source_id = $1 order by place;
