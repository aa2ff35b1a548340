-- Moves aggregates to where they stand now, new ones included. $1 books, $2 aggregates, $3 acquirers, $4 currencies, $5 items, $6 gross, $7 merchant fees, $8 reserves, $9 whether they mature, $10 whether they pass costs on, $11 at which VAT, $12 entries that closed them.
insert into aggregate (book_id, aggregate, acquirer_id, currency, items, gross, merchant_fee, reserve, matures, passes_costs,
    costs_vat, closed)
select *
from unnest($1::bigint[], $2::text[], $3::smallint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::boolean[],
    $10::boolean[], $11::text[], $12::bigint[])
on conflict (book_id, aggregate) do update
set items = excluded.items, gross = excluded.gross, merchant_fee = excluded.merchant_fee, reserve = excluded.reserve,
    passes_costs = excluded.passes_costs, costs_vat = excluded.costs_vat, closed = excluded.closed;
