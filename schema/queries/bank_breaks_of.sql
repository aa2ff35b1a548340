-- The breaks that a file of bank statements showed, by class. $1 source.
select class, count(*) as breaks from break where found_in = $1 group by class order by class;
