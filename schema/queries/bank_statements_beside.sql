-- What is booked of an account before and after a statement, and whether one says the same. $1 account, $2 currency, $3 its last day, $4 its content.
select before.until_on as ended_on, before.closing as ended_with, before.sequence as number_before, after.from_on as begins_on,
    after.opening as begins_with, after.sequence as number_after,
    (select source.name
     from bank_statement same
     join source on source.id = same.source_id
     where same.state = 'booked' and same.account = $1 and same.currency = $2 and same.until_on = $3 and same.content = $4) as same_in
from (select) as one
left join lateral (
    select until_on, closing, sequence
    from bank_statement
    where state = 'booked' and account = $1 and currency = $2 and until_on <= $3
    order by until_on desc, source_id desc, ordinal desc
    limit 1
) before on true
left join lateral (
    select from_on, opening, sequence
    from bank_statement
    where state = 'booked' and account = $1 and currency = $2 and until_on > $3
    order by until_on, source_id, ordinal
    limit 1
) after on true;
