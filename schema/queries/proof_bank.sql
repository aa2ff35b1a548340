-- Where our bank accounts and their statements differ at the end of a day: entries on 1010 and 1030 of which no statement had told by then, and what
-- statements had told of that is on the books of a later day (below zero, what the books lack); is_told says that both have it, of another amount, or that
-- no statement ever told of what only statements book; is_swept, that it is of another account too, whose statement told of it. Reads everything on both. $1 day.
with on_bank as (
    select entry.book_id, entry.number, kind.name as kind, entry.reference, entry.booking_date, account.code, account.currency,
        sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end)::bigint as amount
    from account
    join transfer on account.id in (transfer.debit_account, transfer.credit_account)
    join entry on entry.book_id = transfer.book_id and entry.number = transfer.entry_number
    join entry_kind kind on kind.id = entry.kind
    where account.code in (1010, 1030)
    group by entry.book_id, entry.number, kind.name, entry.reference, entry.booking_date, account.code, account.currency
), told as (
    select match.book_id, match.number, statement.code, match.currency, sum(match.amount)::bigint as amount
    from bank_match match
    join bank_entry told on told.source_id = match.source_id and told.ordinal = match.ordinal
    join bank_statement statement on statement.source_id = told.source_id and statement.ordinal = told.statement
    where statement.from_on <= $1::date
        and (statement.until_on <= $1 or coalesce(told.booked_on, statement.until_on) <= $1)
    group by match.book_id, match.number, statement.code, match.currency
)
select on_bank.code, on_bank.currency, on_bank.kind, book.merchant, on_bank.reference, on_bank.booking_date,
    (case when on_bank.booking_date <= $1 then on_bank.amount else 0 end - coalesce(told.amount, 0))::bigint as amount,
    (on_bank.booking_date <= $1 and told.amount is not null)
        or (on_bank.kind = 'bank_entry' and not exists (
            select from bank_match match where match.book_id = on_bank.book_id and match.number = on_bank.number
        )) as is_told,
    exists (
        select from bank_match match where match.book_id = on_bank.book_id and match.number = on_bank.number and match.kind = 'sweep'
    ) as is_swept
from on_bank
join book on book.id = on_bank.book_id
left join told on told.book_id = on_bank.book_id and told.number = on_bank.number and told.code = on_bank.code and told.currency = on_bank.currency
where case when on_bank.booking_date <= $1 then on_bank.amount else 0 end <> coalesce(told.amount, 0)
order by on_bank.code, on_bank.currency, on_bank.booking_date, on_bank.book_id, on_bank.number;
