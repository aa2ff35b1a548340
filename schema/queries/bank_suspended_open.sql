-- What bank statements told of, is in suspense still and may pay a batch, with the day on which it is on the books; what people took back from one is left to people.
select break.id as break_id, kept.source_id, kept.number, kept.line, kept.part, kept.currency, kept.amount,
    greatest(kept.booked_on, entry.booking_date) as booked_on, kept.value_on, kept.words, kept.payer
from break
join bank_suspended kept on kept.number = break.suspense_number
join entry on entry.book_id = 1 and entry.number = kept.number
where break.class = 'UNIDENTIFIED_RECEIPT' and break.state <> 'resolved'
    and not exists (
        select from break_proposal proposal where proposal.break_id = break.id and proposal.reason = 'pays_batches' and proposal.state = 'reopened'
    )
order by kept.currency, kept.value_on, kept.amount, kept.line, kept.number;
