-- Moves exact sums of fees to where they stand now, new ones included. $1 books, $2 schedules, $3 versions, $4 components,
-- $5 currencies, $6 periods, $7 VAT rates, $8 exact, $9 posted, $10 VAT posted.
insert into accrual (book_id, schedule, version, component, currency, period, vat, exact, posted, vat_posted)
select *
from unnest($1::bigint[], $2::text[], $3::date[], $4::text[], $5::text[], $6::date[], $7::text[], $8::numeric[], $9::bigint[],
    $10::bigint[])
on conflict (book_id, schedule, version, component, currency, period, vat) do update
set exact = excluded.exact, posted = excluded.posted, vat_posted = excluded.vat_posted;
