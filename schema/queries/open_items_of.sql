-- Open items by their entries, those of an acquirer alone where one is named. $1 books, $2 numbers, $3 acquirer or null.
select item.book_id, item.number, item.record_type, item.gross, item.currency, item.merchant_fee, item.reserve, item.cost, item.matures,
    item.passes_costs, item.costs_vat, item.occurred_on, item.reserve_until, item.expected_on, item.advanced, item.method, item.scheme, item.card_country,
    item.acquirer_reference, item.merchant_reference, item.arn, item.rrn, item.auth_code, item.card,
    book.merchant, entry.reference, entry.payment, item.acquirer_id
from unnest($1::bigint[], $2::bigint[]) as wanted (book_id, number)
join open_item item on item.book_id = wanted.book_id and item.number = wanted.number and ($3::smallint is null or item.acquirer_id = $3)
join book on book.id = item.book_id
join entry on entry.book_id = item.book_id and entry.number = item.number
order by item.book_id, item.number;
