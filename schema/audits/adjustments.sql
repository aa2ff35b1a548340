-- What accounts 5080 hold is the sum of the adjustments that are booked, each an entry that says so; and what was approved of each is what it is.
with content as (
    select adjustment.id, sha256(string_agg(int8send(octet_length(field.text)) || convert_to(field.text, 'UTF8'), ''::bytea order by field.place)) as digest
    from adjustment
    join book on book.id = adjustment.book_id
    cross join lateral unnest(array['adjustment 1', book.merchant, adjustment.reference, adjustment.currency, adjustment.amount::text, adjustment.reason,
        adjustment.evidence, adjustment.note, adjustment.proposed_on::text, adjustment.proposed_by]) with ordinality as field (text, place)
    group by adjustment.id
), booked as (
    select adjustment.book_id, adjustment.currency, sum(adjustment.amount) as amount,
           count(*) filter (where entry.number is null) as unbooked
    from adjustment
    left join entry on entry.book_id = adjustment.book_id and entry.number = adjustment.number and entry.kind = 40
    where adjustment.state = 'booked'
    group by adjustment.book_id, adjustment.currency
), moved as (
    select transfer.book_id, account.currency,
           sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end) as amount
    from transfer
    join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code = 5080
    group by transfer.book_id, account.currency
)
select coalesce(booked.book_id, moved.book_id) as book_id, coalesce(booked.currency, moved.currency) as currency, null::bigint as adjustment,
       booked.amount as booked, moved.amount as moved, booked.unbooked
from booked
full join moved on moved.book_id = booked.book_id and moved.currency = booked.currency
where coalesce(booked.amount, 0) <> coalesce(moved.amount, 0) or booked.unbooked > 0
union all
select adjustment.book_id, adjustment.currency, adjustment.id, adjustment.amount, null, null
from adjustment
join content on content.id = adjustment.id
where content.digest is distinct from adjustment.content
order by 1, 2, 3;
