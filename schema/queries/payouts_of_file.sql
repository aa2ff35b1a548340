-- The payouts of a bank file, in its order. $1 file, $2 whether it has batches.
select payout.id, payout.book_id, book.merchant, payout.currency, payout.exponent, payout.cutoff, payout.amount, payout.fee, payout.vat, payout.state,
    payout.end_to_end_id, payout.holder, payout.destination, payout.bank, payout.planned_by, payout.run_id,
    run.first_approver, run.second_approver, payout.instruction, payout.confirmation, payout.file_id,
    payout.unknown_on, payout.unknown_note, payout.returned_on, payout.return_reason
from payout
join book on book.id = payout.book_id
left join payout_run run on run.id = payout.run_id
where payout.file_id = $1
order by case when $2::boolean then payout.currency end, case when $2 then payout.end_to_end_id end, book.merchant, payout.currency;
