-- Payouts by cut-off, merchant and currency. $1 cut-off or null, $2 state or null.
select payout.id, payout.book_id, book.merchant, payout.currency, payout.exponent, payout.cutoff, payout.amount, payout.fee, payout.vat, payout.state,
    payout.end_to_end_id, payout.holder, payout.destination, payout.bank, payout.planned_by, payout.run_id,
    run.first_approver, run.second_approver, payout.instruction, payout.confirmation, payout.file_id,
    payout.unknown_on, payout.unknown_note, payout.returned_on, payout.return_reason
from payout
join book on book.id = payout.book_id
left join payout_run run on run.id = payout.run_id
where ($1::date is null or payout.cutoff = $1) and ($2::text is null or payout.state = $2)
order by payout.cutoff, book.merchant, payout.currency;
