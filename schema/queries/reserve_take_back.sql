-- Takes out of tranches what captures that were withdrawn had put there. $1 books, $2 currencies, $3 days of sale, $4 days of release, $5 amounts, below zero.
update reserve_tranche
set withheld = reserve_tranche.withheld + less.amount
from unnest($1::bigint[], $2::text[], $3::date[], $4::date[], $5::bigint[]) as less (book_id, currency, source_on, release_on, amount)
where reserve_tranche.book_id = less.book_id and reserve_tranche.currency = less.currency
    and reserve_tranche.source_on = less.source_on and reserve_tranche.release_on = less.release_on;
