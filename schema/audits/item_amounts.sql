-- The gross amount and currency of every open or matched item are those that its entry moved on the acquirer's receivable.
with items as (
    select book_id, number, gross, currency, record_type from open_item
    union all
    select settlement_match.book_id, settlement_match.number, settlement_match.item_gross, settlement_line.gross_currency, settlement_line.record_type
    from settlement_match
    left join settlement_line
        on settlement_line.source_id = settlement_match.source_id and settlement_line.ordinal = settlement_match.ordinal
), moved as (
    select transfer.book_id, transfer.entry_number as number, debit.currency,
           sum(case when debit.code = 1100 then transfer.amount else -transfer.amount end) as gross
    from transfer
    join account debit on debit.id = transfer.debit_account
    join account credit on credit.id = transfer.credit_account
    where (debit.code = 1100) <> (credit.code = 1100)
    group by transfer.book_id, transfer.entry_number, debit.currency
)
select items.book_id, items.number, items.gross, items.currency, moved.gross as moved_gross, moved.currency as moved_currency
from items
left join moved on moved.book_id = items.book_id and moved.number = items.number
left join entry on entry.book_id = items.book_id and entry.number = items.number
where moved.gross is distinct from items.gross
   or moved.currency is distinct from items.currency
   or entry.kind is distinct from (case items.record_type when 1 then 3 when 2 then 5 when 3 then 6 when 4 then 7 end)
order by items.book_id, items.number;
