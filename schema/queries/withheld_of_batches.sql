-- What the batches of a file withhold as reserve, and of which captures. $1 source.
select batch, currency, captures, captured, withheld from settlement_batch where source_id = $1 order by batch, currency;
