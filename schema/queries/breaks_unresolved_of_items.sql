-- Items that are missing again by other breaks. $1 breaks.
select break.id, other.id as other_id
from break
join break other on other.book_id = break.book_id and other.number = break.number and other.id <> break.id
    and other.class = 'MISSING_IN_FILE' and other.state <> 'resolved'
where break.id = any($1::bigint[]) and break.class = 'MISSING_IN_FILE'
order by break.id;
