-- Keeps what the costs of a file come to. $1 source, $2 batches, $3 months, $4 currencies, $5 components, $6 terms, $7 invoiced, $8 lines, $9 by the contract, $10 by the file.
insert into cost_sum (source_id, batch, month, currency, component, term, invoiced, lines, expected, stated)
select $1, batch, month, currency, component, term, invoiced, lines, expected, stated
from unnest($2::text[], $3::date[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::bigint[], $9::bigint[], $10::bigint[])
    as sum (batch, month, currency, component, term, invoiced, lines, expected, stated);
