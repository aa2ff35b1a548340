-- What balances a settlement file states. $1 source, $2 acquirer, $3 accounts, $4 currencies, $5 and $6 where their periods begin and end, $7 what they begin with, $8 what they end with.
insert into settlement_balance (source_id, acquirer_id, account, currency, begins_at, ends_at, opening, closing)
select $1, $2, *
from unnest($3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::bigint[]);
