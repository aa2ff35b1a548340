-- The gross amount, cost and currency of every open or matched item are those that its entry moved on what the acquirer owes us, or the sum of its aggregate.
with items as (
    select book_id, number, gross, cost, currency, record_type from open_item
    union all
    select settlement_match.book_id, settlement_match.number, sum(settlement_match.item_gross), null, settlement_line.gross_currency, settlement_line.record_type
    from settlement_match
    left join settlement_line
        on settlement_line.source_id = settlement_match.source_id and settlement_line.ordinal = settlement_match.ordinal
    group by settlement_match.book_id, settlement_match.number, settlement_match.source_id, settlement_match.round, settlement_line.gross_currency, settlement_line.record_type
), moved as (
    select transfer.book_id, transfer.entry_number as number, debit.currency,
           sum(case when debit.code = 5040 then 0
                    when debit.code in (1100, 1130) then transfer.amount else -transfer.amount end) as gross,
           sum(case when debit.code = 5040 then transfer.amount else 0 end) as cost
    from transfer
    join account debit on debit.id = transfer.debit_account
    join account credit on credit.id = transfer.credit_account
    where (debit.code in (1100, 1130)) <> (credit.code in (1100, 1130))
    group by transfer.book_id, transfer.entry_number, debit.currency
    union all
    select book_id, closed, currency, gross, 0
    from aggregate
    where closed is not null
)
select items.book_id, items.number, items.gross, items.cost, items.currency,
       moved.gross as moved_gross, moved.cost as moved_cost, moved.currency as moved_currency
from items
left join moved on moved.book_id = items.book_id and moved.number = items.number
left join entry on entry.book_id = items.book_id and entry.number = items.number
where moved.gross is distinct from items.gross
   or moved.cost is distinct from coalesce(items.cost, moved.cost)
   or moved.currency is distinct from items.currency
   or not coalesce(entry.kind = any(case items.record_type when 1 then array[3, 27] when 2 then array[5] when 3 then array[6, 16] when 4 then array[7]
                                    when 8 then array[17] when 9 then array[18] when 10 then array[15] else array[]::integer[] end), false)
order by items.book_id, items.number;
