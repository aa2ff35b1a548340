-- The adjustment of a book that has a reference. $1 book, $2 reference.
select id, content from adjustment where book_id = $1 and reference = $2;
