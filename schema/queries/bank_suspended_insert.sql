-- Keeps what of a bank statement is in suspense and may pay what becomes known later. $1 source, $2 entries of the house, $3 ordinals, $4 parts, $5 lines, $6 currencies, $7 amounts, $8 booking dates, $9 value dates, $10 words, those of one with a blank between, $11 payers.
insert into bank_suspended (number, source_id, ordinal, part, line, currency, amount, booked_on, value_on, words, payer)
select number, $1, ordinal, part, line, currency, amount, booked_on, value_on, string_to_array(words, ' '), payer
from unnest($2::bigint[], $3::int[], $4::int[], $5::bigint[], $6::text[], $7::bigint[], $8::date[], $9::date[], $10::text[], $11::text[])
    as kept (number, ordinal, part, line, currency, amount, booked_on, value_on, words, payer);
