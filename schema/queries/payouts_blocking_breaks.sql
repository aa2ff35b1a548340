-- How many breaks of classes stand in the way of the payouts of merchants. $1 classes.
select book.merchant, break.class, count(*) as breaks
from break
join book on book.id = break.book_id
where break.state <> 'resolved' and break.class = any($1::text[]) and book.merchant is not null
group by book.merchant, break.class
order by book.merchant, break.class;
