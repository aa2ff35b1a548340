-- The place of the last claim of a file. $1 source.
select coalesce(max(place), 0) from cost_claim where source_id = $1;
