-- What is advanced and not proven in a currency: to one merchant, and to all. $1 book, $2 currency.
select coalesce(sum(gross - merchant_fee) filter (where book_id = $1), 0)::bigint as of_merchant,
    coalesce(sum(gross - merchant_fee), 0)::bigint as of_all
from open_item
where currency = $2 and advanced is not null;
