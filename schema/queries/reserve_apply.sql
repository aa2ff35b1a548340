-- Takes amounts out of tranches of reserves; negative ones go back. $1 books, $2 currencies, $3 days of sales, $4 days of release, $5 amounts.
update reserve_tranche
set applied = reserve_tranche.applied + moved.amount
from unnest($1::bigint[], $2::text[], $3::date[], $4::date[], $5::bigint[]) as moved (book_id, currency, source_on, release_on, amount)
where reserve_tranche.book_id = moved.book_id and reserve_tranche.currency = moved.currency
    and reserve_tranche.source_on = moved.source_on and reserve_tranche.release_on = moved.release_on;
