-- The payout register. $1: a merchant, or null for all; $2: a cut-off, or null for all.
select book.merchant, payout.currency, payout.exponent, payout.cutoff, payout.amount, payout.fee, payout.vat, payout.state,
       payout.planned_by, run.first_approver, run.second_approver, run.plan, payout.end_to_end_id, payout.holder, payout.destination, payout.bank, payout.instruction, payout.confirmation,
       payout.returned_on, payout.return_reason, payout.return_entry
from payout
join book on book.id = payout.book_id
left join payout_run run on run.id = payout.run_id
where ($1::text is null or book.merchant = $1) and ($2::date is null or payout.cutoff = $2)
order by payout.cutoff, book.merchant, payout.currency;
