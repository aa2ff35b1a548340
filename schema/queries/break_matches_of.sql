-- Which entries a proposal matches, and their items as they were when it was booked. $1 proposal.
select book_id, number, item from break_match where proposal_id = $1 order by book_id, number;
