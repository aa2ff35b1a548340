-- Puts back into tranches what was released of them. $1 books, $2 currencies, $3 days of sale, $4 days of release, $5 amounts.
update reserve_tranche
set released = reserve_tranche.released - back.amount
from unnest($1::bigint[], $2::text[], $3::date[], $4::date[], $5::bigint[]) as back (book_id, currency, source_on, release_on, amount)
where reserve_tranche.book_id = back.book_id and reserve_tranche.currency = back.currency
    and reserve_tranche.source_on = back.source_on and reserve_tranche.release_on = back.release_on;
