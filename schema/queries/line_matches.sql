-- What a line was matched with, undone matches included: the entry, its item as it was, who matched it where somebody did, and which other lines
-- of the file settle the entry with it. $1 source, $2 place.
select match.book_id, match.number, match.round, match.pass, match.rules, match.item_gross, match.line_gross, match.cost, line.gross_currency as currency,
    match.passed_on, match.passed_on_vat, match.expected_on,
    match.proposal_id is null or proposal.state = 'executed' as stands, book.merchant, entry.reference, entry.payment,
    coalesce(entry.happened_on, entry.booking_date) as booking_date, entry.acquirer_reference, coalesce(entry.merchant_reference, entry.payment) as merchant_reference, entry.arn,
    coalesce(entry.rrn, payment.rrn) as rrn, coalesce(entry.auth_code, payment.auth_code) as auth_code, payment.card,
    proposal.break_id, proposal.proposed_by, proposal.note, proposal.evidence,
    array_remove(array[proposal.first_approver, proposal.second_approver], null) as approved_by,
    array(
        select other_line.line
        from settlement_match other
        join settlement_line other_line on other_line.source_id = other.source_id and other_line.ordinal = other.ordinal
        where other.source_id = match.source_id and other.book_id = match.book_id and other.number = match.number
            and other.round = match.round and other.ordinal <> match.ordinal
        order by other_line.ordinal
    ) as with_lines
from settlement_match match
join settlement_line line on line.source_id = match.source_id and line.ordinal = match.ordinal
join book on book.id = match.book_id
join entry on entry.book_id = match.book_id and entry.number = match.number
left join payment on payment.book_id = entry.book_id and payment.payment = entry.payment
left join break_proposal proposal on proposal.id = match.proposal_id
where match.source_id = $1 and match.ordinal = $2
order by match.round, match.book_id, match.number;
