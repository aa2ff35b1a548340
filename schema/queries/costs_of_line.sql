-- A line that people have matched, with what prices its costs by the first of its items, and the place of the last claim of its file. $1 source, $2 place in it, $3 proposal.
select line.ordinal, line.batch, line.record_type, line.occurred_on, line.gross_currency, line.gross, line.net_currency, line.interchange,
    line.scheme_fee, line.commission + line.markup as acquirer_cost, match.book_id, match.number, match.cost <> 0 as cost_booked,
    payment.method, payment.scheme, payment.card_country,
    coalesce((select max(claim.place) from cost_claim claim where claim.source_id = $1), 0) as place
from settlement_line line
join settlement_match match on match.source_id = line.source_id and match.ordinal = line.ordinal and match.proposal_id = $3
join entry on entry.book_id = match.book_id and entry.number = match.number
left join payment on payment.book_id = entry.book_id and payment.payment = entry.payment
where line.source_id = $1 and line.ordinal = $2
order by match.book_id, match.number
limit 1;
