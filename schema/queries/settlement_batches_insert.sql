-- Keeps the batches of a file. $1 source, $2 batches, $3 currencies, $4 lines, $5 gross, $6 costs, $7 other, $8 net, $9 payouts, $10 captures, $11 what is captured, $12 what is withheld, $13 the days on which they are paid, $14 the names of their payments, a line each, $15 whether they are of a balance.
insert into settlement_batch (source_id, batch, currency, lines, gross, costs, other, net, payout, captures, captured, withheld, paid_on, paid_as, of_balance)
select $1, batch, currency, lines, gross, costs, other, net, payout, captures, captured, withheld, paid_on,
    coalesce(string_to_array(nullif(paid_as, ''), E'\n'), '{}'), of_balance
from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
    $11::bigint[], $12::bigint[], $13::date[], $14::text[], $15::boolean[])
    as total (batch, currency, lines, gross, costs, other, net, payout, captures, captured, withheld, paid_on, paid_as, of_balance);
