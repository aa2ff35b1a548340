-- The record types of the lines of a file that was taken in before, by ordinal. $1 source, $2 after which ordinal, $3 how many.
select ordinal, record_type from settlement_line where source_id = $1 and ordinal > $2 order by ordinal limit $3;
