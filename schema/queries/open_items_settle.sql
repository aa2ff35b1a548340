-- Takes matched items out of the open ones. $1 books, $2 numbers.
delete from open_item
using unnest($1::bigint[], $2::bigint[]) as settled (book_id, number)
where open_item.book_id = settled.book_id and open_item.number = settled.number;
