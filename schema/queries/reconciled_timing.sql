-- How many matched lines of a file are late, or of another day than their item. $1 source.
select timing, count(distinct ordinal) as lines from standing_match where source_id = $1 and timing is not null group by timing;
