-- Tranches that do not hold any more what is to be taken out of them, and how much is missing. $1 books, $2 currencies, $3 days of sale, $4 days of
-- release, $5 amounts, below zero.
select tranche.book_id, book.merchant, tranche.currency, tranche.source_on, tranche.release_on,
    tranche.released + tranche.applied - tranche.withheld - less.amount as missing, tranche.released
from unnest($1::bigint[], $2::text[], $3::date[], $4::date[], $5::bigint[]) as less (book_id, currency, source_on, release_on, amount)
join reserve_tranche tranche
    on tranche.book_id = less.book_id and tranche.currency = less.currency
    and tranche.source_on = less.source_on and tranche.release_on = less.release_on
join book on book.id = tranche.book_id
where tranche.withheld + less.amount < tranche.released + tranche.applied
order by book.merchant, tranche.currency, tranche.source_on, tranche.release_on;
