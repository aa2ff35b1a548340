-- Adds to tranches of reserves, new ones included. $1 books, $2 currencies, $3 days of sale, $4 days of release, $5 amounts.
insert into reserve_tranche (book_id, currency, source_on, release_on, withheld)
select *
from unnest($1::bigint[], $2::text[], $3::date[], $4::date[], $5::bigint[])
on conflict (book_id, currency, source_on, release_on) do update
set withheld = reserve_tranche.withheld + excluded.withheld;
