-- Plans payouts; one that exists for its merchant, currency and cut-off stays as it is. $1 books, $2 currencies, $3 exponents, $4 cut-off, $5 amounts, $6 end-to-end ids, $7 holders, $8 accounts, $9 banks, $10 planner.
insert into payout (book_id, currency, exponent, cutoff, amount, end_to_end_id, holder, destination, bank, planned_by)
select book_id, currency, exponent, $4, amount, end_to_end_id, holder, destination, bank, $10
from unnest($1::bigint[], $2::text[], $3::smallint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[])
    with ordinality as planned (book_id, currency, exponent, amount, end_to_end_id, holder, destination, bank, place)
order by place
on conflict (book_id, currency, cutoff) do nothing;
