-- Resolves the breaks of a settlement file that is undone; not those of payments that it made known, which stay. $1 source.
update break
set state = 'resolved', resolution = 'undone'
where found_in = $1 and state = 'open' and (ordinal is not null or class in ('MISSING_IN_FILE', 'MISSING_FILE'));
