-- Resolves what is open of a quarantined file that was decided about. $1 source, $2 resolution.
update break
set state = 'resolved', resolution = $2
where found_in = $1 and state <> 'resolved' and ordinal is null and book_id is null and class in ('TOTAL_MISMATCH', 'SUPERSEDED_FILE');
