-- The latest day that governs any entry, on or after a day; null where there is none. $1 the day.
select max(coalesce(happened_on, booking_date)) as latest from entry where booking_date >= $1 and coalesce(happened_on, booking_date) >= $1;
