-- Sets captured money aside. $1 books, $2 currencies, $3 exponents, $4 amounts, $5 reasons, $6 owners, $7 days, $8 numbers.
insert into hold (book_id, currency, exponent, amount, reason, owner, placed_on, number)
select book_id, currency, exponent, amount, reason, owner, placed_on, number
from unnest($1::bigint[], $2::text[], $3::smallint[], $4::bigint[], $5::text[], $6::text[], $7::date[], $8::bigint[])
    as held (book_id, currency, exponent, amount, reason, owner, placed_on, number);
