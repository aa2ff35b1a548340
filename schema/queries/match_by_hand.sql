-- Matches a line with open items by hand: they are open no more, and kept as they were. $1 proposal, $2 source, $3 place, $4 pass, $5 rules,
-- $6 books, $7 numbers, $8 gross of the line's parts, $9 costs passed on, $10 their VAT.
with part as (
    select *
    from unnest($6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
        as part (book_id, number, line_gross, passed_on, passed_on_vat)
), closed as (
    delete from open_item
    using part
    where open_item.book_id = part.book_id and open_item.number = part.number
    returning open_item.*
), kept as (
    update break_match
    set item = to_jsonb(closed)::text
    from closed
    where break_match.proposal_id = $1 and break_match.book_id = closed.book_id and break_match.number = closed.number
)
insert into settlement_match (book_id, number, source_id, ordinal, round, proposal_id, pass, rules, item_gross, line_gross, passed_on, passed_on_vat,
    merchant_fee, reserve, cost, matures, passes_costs, costs_vat, expected_on, reserve_until, advanced, timing)
select closed.book_id, closed.number, $2, $3,
    1 + coalesce((select max(earlier.round) from settlement_match earlier where earlier.source_id = $2 and earlier.ordinal = $3), 0),
    $1, $4, $5, closed.gross, part.line_gross, part.passed_on, part.passed_on_vat, closed.merchant_fee, closed.reserve, closed.cost,
    closed.matures, closed.passes_costs, closed.costs_vat, closed.expected_on, closed.reserve_until, closed.advanced,
    case when (select file.as_of from settlement_file file where file.source_id = $2) > closed.expected_on then 'late'
         when (select line.occurred_on from settlement_line line where line.source_id = $2 and line.ordinal = $3) <> closed.occurred_on then 'cutoff' end
from closed
join part on part.book_id = closed.book_id and part.number = closed.number;
