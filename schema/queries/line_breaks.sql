-- The breaks of a line, by number. $1 source, $2 place.
select id from break where source_id = $1 and ordinal = $2 order by id;
