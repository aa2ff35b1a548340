-- Keeps what the entries of bank statements came to. $1 source, $2 ordinals, $3 parts, $4 kinds, $5 amounts, $6 acquirers, $7 batches, $8 currencies, $9 what is awaited no more, $10 books, $11 entries.
insert into bank_match (source_id, ordinal, part, kind, amount, acquirer_id, batch, currency, settled, book_id, number)
select $1, ordinal, part, kind, amount, acquirer_id, batch, currency, settled, book_id, number
from unnest($2::int[], $3::int[], $4::text[], $5::bigint[], $6::smallint[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[])
    as told (ordinal, part, kind, amount, acquirer_id, batch, currency, settled, book_id, number);
