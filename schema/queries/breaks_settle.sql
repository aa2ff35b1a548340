-- Resolves the breaks of items that were missing and have come with a file. $1 source.
update break
set state = 'resolved', resolution = 'timing'
from settlement_match match
where match.source_id = $1 and break.book_id = match.book_id and break.number = match.number and break.class = 'MISSING_IN_FILE'
    and break.state = 'open';
