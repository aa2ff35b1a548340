-- Which entries a proposal matches. $1 proposal, $2 books, $3 numbers.
insert into break_match (proposal_id, book_id, number)
select $1, item.* from unnest($2::bigint[], $3::bigint[]) as item;
