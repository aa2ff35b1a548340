-- Adds to pending money that becomes available by date. $1 books, $2 currencies, $3 days of sale, $4 days on which it becomes available, $5 days on which its reserve is released, $6 payable, $7 reserves.
insert into maturing (book_id, currency, source_on, available_on, reserve_until, payable, reserve)
select *
from unnest($1::bigint[], $2::text[], $3::date[], $4::date[], $5::date[], $6::bigint[], $7::bigint[])
on conflict (book_id, currency, source_on, available_on, reserve_until) do update
set payable = maturing.payable + excluded.payable, reserve = maturing.reserve + excluded.reserve;
