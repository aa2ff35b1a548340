-- Takes the items that a pass matched out of the open ones. $1 source, $2 pass.
delete from open_item
using settlement_match match
where match.source_id = $1 and match.pass = $2 and open_item.book_id = match.book_id and open_item.number = match.number;
