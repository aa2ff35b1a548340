-- How many breaks of each class a file showed. $1 source.
select class, count(*) as breaks from break where found_in = $1 group by class order by class;
