-- Our bank accounts by their statements at the end of a day: what the first began with, what the account had then, whether a statement covers the day or
-- nothing came between two around it, and what statements that do not meet leave out. $1 day.
with stated as (
    select statement.source_id, statement.ordinal, statement.code, statement.account, statement.currency, statement.from_on, statement.until_on, statement.opening,
        statement.closing,
        lag(statement.closing) over in_turn as before, lead(statement.opening) over in_turn as next_opening, row_number() over in_turn as place
    from bank_statement statement
    where statement.state = 'booked' and (statement.from_on <= $1::date or exists (
        select from bank_statement earlier
        where earlier.state = 'booked' and earlier.account = statement.account and earlier.currency = statement.currency and earlier.from_on <= $1::date
    ))
    window in_turn as (partition by statement.account, statement.currency order by statement.until_on, statement.source_id, statement.ordinal)
), begun as (
    select stated.*,
        (select coalesce(sum(entry.amount), 0)
         from bank_entry entry
         where stated.until_on > $1 and entry.source_id = stated.source_id and entry.statement = stated.ordinal and entry.status = 'booked'
            and coalesce(entry.booked_on, stated.until_on) <= $1) as by_then
    from stated
    where stated.from_on <= $1
), last as (
    select distinct on (account, currency) code, account, currency, until_on,
        case when until_on <= $1 then closing else opening + by_then end as balance,
        until_on >= $1 or next_opening is not distinct from closing as is_covered
    from begun
    order by account, currency, until_on desc, source_id desc, ordinal desc
)
select last.code, last.account, last.currency, last.until_on, last.balance::bigint as balance, last.is_covered,
    (select begun.opening from begun where begun.account = last.account and begun.currency = last.currency and begun.place = 1) as began_with,
    (select coalesce(sum(begun.opening - begun.before), 0)::bigint
     from begun
     where begun.account = last.account and begun.currency = last.currency and begun.before is not null) as left_out
from last
order by last.currency, last.account;
