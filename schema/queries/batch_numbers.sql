-- The numbers of a settlement file's batches. $1 source.
select distinct batch::bigint as number from settlement_batch where source_id = $1 and batch ~ '^[0-9]{1,15}$' order by number;
