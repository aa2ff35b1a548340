-- The entries that have these references. $1 books, $2 references.
select entry.book_id, entry.reference, entry.number, entry.fingerprint
from unnest($1::bigint[], $2::text[]) as wanted (book_id, reference)
join entry on entry.book_id = wanted.book_id and entry.reference = wanted.reference;
