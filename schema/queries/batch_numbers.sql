-- The numbered batches of a settlement file, without leading zeros: a number alone, or behind the account that counts its own. $1 source.
select distinct coalesce(substring(batch from '^(.* )[0-9]{1,15}$'), '') as account, substring(batch from '[0-9]{1,15}$')::bigint as number
from settlement_batch
where source_id = $1 and batch ~ '^(.* )?[0-9]{1,15}$'
order by account, number;
