-- All payouts of runs. $1 runs.
select payout.id, payout.book_id, book.merchant, payout.currency, payout.exponent, payout.cutoff, payout.amount, payout.fee, payout.vat, payout.state,
    payout.end_to_end_id, payout.holder, payout.destination, payout.bank, payout.planned_by, payout.run_id,
    run.first_approver, run.second_approver, payout.instruction, payout.confirmation, payout.file_id,
    payout.unknown_on, payout.unknown_note, payout.returned_on, payout.return_reason
from payout
join book on book.id = payout.book_id
left join payout_run run on run.id = payout.run_id
where payout.run_id = any($1::bigint[])
order by book.merchant, payout.currency;
