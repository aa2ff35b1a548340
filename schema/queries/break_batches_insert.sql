-- Keeps which batches a proposal gives a receipt to. $1 proposal, $2 currency, $3 acquirers, $4 batches, $5 amounts, $6 what is awaited no more.
insert into break_batch (proposal_id, acquirer_id, batch, currency, amount, settled)
select $1, acquirer_id, batch, $2, amount, settled
from unnest($3::smallint[], $4::text[], $5::bigint[], $6::bigint[]) as paid (acquirer_id, batch, amount, settled);
