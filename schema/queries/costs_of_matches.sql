-- What a file matched, with what prices its costs, in the order of the file; lines that settle one item together as one, with the first of them, and a line of several items with the first of these. $1 source, $2 whether what the payment alone knows is asked for.
declare costs_of_matches no scroll cursor for
with in_parts as (
    select match.book_id, match.number
    from settlement_match match
    where match.source_id = $1
    group by match.book_id, match.number
    having count(*) > 1
), matched as (
    (select distinct on (match.ordinal) match.ordinal, match.book_id, match.number, match.cost, null::bigint as gross,
        null::bigint as interchange, null::bigint as scheme_fee, null::bigint as acquirer_cost
    from settlement_match match
    where match.source_id = $1
        and not exists (select from in_parts where in_parts.book_id = match.book_id and in_parts.number = match.number)
    order by match.ordinal, match.book_id, match.number)
    union all
    select min(match.ordinal), match.book_id, match.number, match.cost, sum(line.gross)::bigint, sum(line.interchange)::bigint,
        sum(line.scheme_fee)::bigint, sum(line.commission + line.markup)::bigint
    from in_parts
    join settlement_match match
        on match.source_id = $1 and match.book_id = in_parts.book_id and match.number = in_parts.number
    join settlement_line line on line.source_id = $1 and line.ordinal = match.ordinal
    group by match.book_id, match.number, match.cost
)
select line.ordinal, line.batch, line.record_type, line.occurred_on, line.gross_currency, coalesce(matched.gross, line.gross) as gross,
    line.net_currency, coalesce(matched.interchange, line.interchange) as interchange, coalesce(matched.scheme_fee, line.scheme_fee) as scheme_fee,
    coalesce(matched.acquirer_cost, line.commission + line.markup) as acquirer_cost, matched.book_id, matched.number,
    matched.cost <> 0 as cost_booked, payment.method, payment.scheme, payment.card_country
from matched
join settlement_line line on line.source_id = $1 and line.ordinal = matched.ordinal
left join entry on $2 and entry.book_id = matched.book_id and entry.number = matched.number
left join payment on $2 and payment.book_id = entry.book_id and payment.payment = entry.payment
order by line.ordinal;
