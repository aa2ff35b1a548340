-- The book of a merchant. $1: its name.
select id from book where merchant = $1;
