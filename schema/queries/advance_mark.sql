-- Says of open captures that they were made available in advance. $1 book, $2 numbers, $3 the entry that did it.
update open_item
set matures = true, advanced = $3
where book_id = $1 and number = any($2::bigint[]) and not matures;
