-- Keeps the batches of a file. $1 source, $2 batches, $3 currencies, $4 lines, $5 gross, $6 costs, $7 other, $8 net, $9 payouts, $10 captures, $11 what is captured, $12 what is withheld.
insert into settlement_batch (source_id, batch, currency, lines, gross, costs, other, net, payout, captures, captured, withheld)
select $1, batch, currency, lines, gross, costs, other, net, payout, captures, captured, withheld
from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
    $11::bigint[], $12::bigint[])
    as total (batch, currency, lines, gross, costs, other, net, payout, captures, captured, withheld);
