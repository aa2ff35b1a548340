-- There is at most one payout per merchant, currency and cut-off, and it was approved by nobody who planned it.
select payout.book_id, payout.currency, payout.cutoff, count(*) as payouts
from payout
left join payout_run run on run.id = payout.run_id
group by payout.book_id, payout.currency, payout.cutoff
having count(*) > 1 or bool_or(payout.planned_by in (run.first_approver, run.second_approver))
    or bool_or(payout.state not in ('planned', 'cancelled') and run.state is distinct from 'approved')
order by payout.book_id, payout.currency, payout.cutoff;
