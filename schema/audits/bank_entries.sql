-- Every entry of a booked bank statement is on the books, part by part, and statements tell of an entry of the books what it has on their account; what a booked statement begins with and its entries make what it ends with.
with told as (
    select source_id, ordinal, sum(amount) as amount from bank_match group by source_id, ordinal
), on_bank as (
    select told.book_id, told.number, told.amount,
        (select sum(case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end)
         from transfer
         join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code = told.code
         where transfer.book_id = told.book_id and transfer.entry_number = told.number) as booked
    from (
        select match.book_id, match.number, statement.code, sum(match.amount) as amount
        from bank_match match
        join bank_entry entry on entry.source_id = match.source_id and entry.ordinal = match.ordinal
        join bank_statement statement on statement.source_id = entry.source_id and statement.ordinal = entry.statement
        group by match.book_id, match.number, statement.code
    ) told
)
select 'entry' as what, entry.source_id, entry.ordinal::bigint, entry.amount, told.amount as told
from bank_entry entry
join bank_statement statement on statement.source_id = entry.source_id and statement.ordinal = entry.statement and statement.state = 'booked'
left join told on told.source_id = entry.source_id and told.ordinal = entry.ordinal
where coalesce(told.amount, 0) <> case entry.status when 'booked' then entry.amount else 0 end
union all
select 'no booked statement', told.source_id, told.ordinal, 0, told.amount
from told
where not exists (
    select from bank_entry entry
    join bank_statement statement on statement.source_id = entry.source_id and statement.ordinal = entry.statement and statement.state = 'booked'
    where entry.source_id = told.source_id and entry.ordinal = told.ordinal and entry.status = 'booked'
)
union all
select 'books', book_id, number, booked, amount from on_bank where booked is distinct from amount
union all
select 'not told', entry.book_id, entry.number, null, null
from entry
where entry.kind = 41 and not exists (select from bank_match told where told.book_id = entry.book_id and told.number = entry.number)
union all
select 'balances', statement.source_id, statement.ordinal, statement.closing - statement.opening, coalesce(sum(entry.amount), 0)
from bank_statement statement
left join bank_entry entry on entry.source_id = statement.source_id and entry.statement = statement.ordinal and entry.status = 'booked'
where statement.state = 'booked'
group by statement.source_id, statement.ordinal, statement.closing, statement.opening
having statement.closing - statement.opening <> coalesce(sum(entry.amount), 0)
order by 1, 2, 3;
