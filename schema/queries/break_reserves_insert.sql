-- Keeps what a match by hand put into tranches. $1 proposal, $2 books, $3 currencies, $4 days of sale, $5 days of release, $6 amounts.
insert into break_reserve (proposal_id, book_id, currency, source_on, release_on, withheld)
select $1, put.* from unnest($2::bigint[], $3::text[], $4::date[], $5::date[], $6::bigint[]) as put;
