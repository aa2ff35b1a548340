-- Takes away open items that the acquirer will not report. $1 books, $2 numbers.
delete from open_item
using unnest($1::bigint[], $2::bigint[]) as withdrawn (book_id, number)
where open_item.book_id = withdrawn.book_id and open_item.number = withdrawn.number;
