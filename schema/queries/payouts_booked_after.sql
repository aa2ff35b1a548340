-- The first of some payouts that was instructed, or confirmed, after a day, and when. $1 end-to-end ids, $2 day, $3 whether those that are confirmed are left out.
select payout.end_to_end_id, coalesce(entry.happened_on, entry.booking_date) as booked_on
from payout
cross join lateral (values (payout.instruction), (payout.confirmation)) as done (number)
join entry on entry.book_id = payout.book_id and entry.number = done.number
where payout.end_to_end_id = any($1::text[]) and coalesce(entry.happened_on, entry.booking_date) > $2
    and not ($3::boolean and payout.state = 'confirmed')
order by payout.end_to_end_id, 2 desc
limit 1;
