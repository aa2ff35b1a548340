-- Plans payouts; one that exists for its merchant, currency and cut-off stays as it is. $1 books, $2 currencies, $3 exponents, $4 cut-off,
-- $5 amounts, $6 fees, $7 their VAT, $8 end-to-end ids, $9 holders, $10 accounts, $11 banks, $12 planner.
insert into payout (book_id, currency, exponent, cutoff, amount, fee, vat, end_to_end_id, holder, destination, bank, planned_by)
select book_id, currency, exponent, $4, amount, fee, vat, end_to_end_id, holder, destination, bank, $12
from unnest($1::bigint[], $2::text[], $3::smallint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[])
    with ordinality as planned (book_id, currency, exponent, amount, fee, vat, end_to_end_id, holder, destination, bank, place)
order by place
on conflict (book_id, currency, cutoff) do nothing;
