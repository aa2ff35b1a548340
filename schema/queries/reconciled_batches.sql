-- The batches of a file: what was reported, what it cost, what the acquirer pays. $1 source.
select batch, currency, lines, gross, costs, other, net, payout from settlement_batch where source_id = $1 order by batch, currency;
