-- Takes an item out of the open ones that no file will report, and gives all of it back as JSON. $1 book, $2 number.
delete from open_item where book_id = $1 and number = $2 returning to_jsonb(open_item)::text as item;
