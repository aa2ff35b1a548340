-- Where these aggregates stand. $1 books, $2 aggregates.
select aggregate.book_id, aggregate.aggregate, acquirer.name as acquirer, aggregate.currency, aggregate.items, aggregate.gross,
    aggregate.merchant_fee, aggregate.reserve, aggregate.matures, aggregate.passes_costs, aggregate.costs_vat,
    aggregate.closed
from unnest($1::bigint[], $2::text[]) as wanted (book_id, aggregate)
join aggregate on aggregate.book_id = wanted.book_id and aggregate.aggregate = wanted.aggregate
join acquirer on acquirer.id = aggregate.acquirer_id;
