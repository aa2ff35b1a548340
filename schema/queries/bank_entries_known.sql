-- How many of these entries a booked statement of the account has under the same reference. $1 account, $2 currency, $3 references, $4 amounts, $5 value dates.
select count(*) as known
from unnest($3::text[], $4::bigint[], $5::date[]) as entry (reference, amount, value_on)
where exists (
    select from bank_entry known
    join bank_statement statement on statement.source_id = known.source_id and statement.ordinal = known.statement
    where known.bank_reference = entry.reference and known.amount = entry.amount and known.value_on is not distinct from entry.value_on
        and known.status = 'booked' and statement.state = 'booked' and statement.account = $1 and statement.currency = $2
);
