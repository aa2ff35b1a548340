-- Keeps what the booking of a settlement file put into tranches. $1 source, $2 books, $3 currencies, $4 days of sale, $5 days of release, $6 amounts.
insert into settlement_reserve (source_id, book_id, currency, source_on, release_on, withheld)
select $1, put.* from unnest($2::bigint[], $3::text[], $4::date[], $5::date[], $6::bigint[]) as put;
