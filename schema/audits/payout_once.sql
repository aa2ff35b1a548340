-- There is at most one payout per merchant, currency and cut-off, and it was approved by somebody other than its planner.
select book_id, currency, cutoff, count(*) as payouts
from payout
group by book_id, currency, cutoff
having count(*) > 1 or bool_or(approved_by = planned_by) or bool_or(approved_by is null and state in ('approved', 'instructed', 'confirmed'))
order by book_id, currency, cutoff;
