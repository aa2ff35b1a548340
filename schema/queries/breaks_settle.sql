-- Resolves the breaks of items that were missing and have come. $1 books, $2 numbers.
update break
set state = 'resolved', resolution = 'timing'
from unnest($1::bigint[], $2::bigint[]) as settled (book_id, number)
where break.book_id = settled.book_id and break.number = settled.number and break.class = 'MISSING_IN_FILE' and break.state = 'open';
