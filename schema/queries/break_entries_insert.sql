-- Which entries resolve which breaks. $1 books, $2 numbers, $3 breaks, $4 proposals.
insert into break_entry (book_id, number, break_id, proposal_id)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]);
