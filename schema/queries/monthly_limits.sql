-- What payers have used of monthly limits. $1 acquirers, $2 payers, $3 months, $4 currencies.
select used.acquirer_id, used.payer, used.month, used.currency, used.held, used.kept
from unnest($1::smallint[], $2::text[], $3::date[], $4::text[]) as wanted (acquirer_id, payer, month, currency)
join monthly_limit used
    on used.acquirer_id = wanted.acquirer_id and used.payer = wanted.payer and used.month = wanted.month and used.currency = wanted.currency;
