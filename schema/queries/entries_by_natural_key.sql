-- The entries that have these natural keys. $1 books, $2 keys.
select entry.book_id, entry.natural_key, entry.number
from unnest($1::bigint[], $2::text[]) as wanted (book_id, natural_key)
join entry on entry.book_id = wanted.book_id and entry.natural_key = wanted.natural_key;
