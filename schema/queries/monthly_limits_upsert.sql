-- Writes what payers have used of monthly limits; their locks are held. $1 acquirers, $2 payers, $3 months, $4 currencies, $5 held, $6 kept.
insert into monthly_limit (acquirer_id, payer, month, currency, held, kept)
select acquirer_id, payer, month, currency, held, kept
from unnest($1::smallint[], $2::text[], $3::date[], $4::text[], $5::bigint[], $6::bigint[])
    as used (acquirer_id, payer, month, currency, held, kept)
on conflict on constraint monthly_limit_identity do update set held = excluded.held, kept = excluded.kept;
