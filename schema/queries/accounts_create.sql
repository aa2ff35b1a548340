-- Opens accounts that may not exist yet. $1 codes, $2 currencies, $3 exponents, $4 dimensions, sorted alike.
insert into account (code, currency, exponent, dimension)
select code, currency, exponent, dimension
from unnest($1::smallint[], $2::text[], $3::smallint[], $4::text[]) with ordinality as wanted (code, currency, exponent, dimension, place)
order by place
on conflict (code, currency, dimension) do nothing;
