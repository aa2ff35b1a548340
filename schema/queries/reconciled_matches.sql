-- How many lines of a file each pass matched. $1 source.
select pass, count(distinct ordinal) as lines from standing_match where source_id = $1 group by pass;
