-- The breaks of open items that are missing, by number. $1 books, $2 numbers.
select break.id
from unnest($1::bigint[], $2::bigint[]) as item (book_id, number)
join break on break.book_id = item.book_id and break.number = item.number and break.class = 'MISSING_IN_FILE' and break.state <> 'resolved'
order by break.id;
