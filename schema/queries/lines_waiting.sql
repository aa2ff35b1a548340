-- Whether an acquirer has lines in suspense that nobody works on, and of which nobody has undone a match. $1 acquirer.
select 1
from break
where break.acquirer_id = $1 and break.state = 'open' and break.suspense_number is not null and break.ordinal is not null
    and break.class in ('MISSING_IN_LEDGER', 'STATUS_MISMATCH', 'REFUND_WITHOUT_CAPTURE', 'CHARGEBACK_UNKNOWN', 'CARRIER_SHORT')
    and not exists (select from break_proposal undone where undone.break_id = break.id and undone.state = 'reopened')
limit 1;
