-- Opens breaks of a bank statement. $1 source, $2 classes, $3 acquirers, $4 expected, $5 actual, $6 currencies, $7 entries of the house that hold their money, $8 days, $9 details.
insert into break (class, acquirer_id, source_id, expected, expected_in, actual, actual_in, suspense_number, found_in, expected_on, detail)
select class, acquirer_id, $1, expected, case when expected is not null then currency end, actual, currency, suspense_number, $1, expected_on, detail
from unnest($2::text[], $3::smallint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::date[], $9::text[])
    as found (class, acquirer_id, expected, actual, currency, suspense_number, expected_on, detail);
