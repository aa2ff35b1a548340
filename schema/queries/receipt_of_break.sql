-- What a break of a bank statement holds: the entry of the house that has it, of which day, from which file. $1 break.
select break.suspense_number, break.found_in, entry.booking_date
from break
join entry on entry.book_id = 1 and entry.number = break.suspense_number
where break.id = $1 and break.class = 'UNIDENTIFIED_RECEIPT';
