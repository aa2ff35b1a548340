-- The latest booking date of any entry on or after a day; null where there is none. $1 the day.
select max(booking_date) as latest from entry where booking_date >= $1;
