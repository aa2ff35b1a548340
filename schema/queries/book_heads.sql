-- The head of every book, in the order in which they are digested.
select id, merchant, number, hash from book order by id;
