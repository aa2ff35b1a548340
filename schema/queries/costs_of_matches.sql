-- What a file matched, with what prices its costs, in the order of the file; lines that settle one item together as one, with the first of them, and a line of several items with the first of these. $1 source, $2 whether what the payment alone knows is asked for.
declare costs_of_matches no scroll cursor for
with grouped as (
    select match.ordinal, match.book_id, match.number, match.cost,
        row_number() over (partition by match.ordinal order by match.book_id, match.number) as place
    from settlement_match match
    where match.source_id = $1 and match.pass >= 6
), matched as (
    select match.ordinal, match.book_id, match.number, match.cost, null::bigint as gross, null::bigint as interchange,
        null::bigint as scheme_fee, null::bigint as acquirer_cost
    from settlement_match match
    where match.source_id = $1 and match.pass < 6
    union all
    select min(grouped.ordinal), grouped.book_id, grouped.number, grouped.cost, sum(line.gross)::bigint, sum(line.interchange)::bigint,
        sum(line.scheme_fee)::bigint, sum(line.commission + line.markup)::bigint
    from grouped
    join settlement_line line on line.source_id = $1 and line.ordinal = grouped.ordinal
    where grouped.place = 1
    group by grouped.book_id, grouped.number, grouped.cost
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
