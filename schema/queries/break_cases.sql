-- Breaks with their money, by number: what is in suspense, or the item that is missing. $1 numbers.
select break.id, break.class, break.state, acquirer.name as acquirer, break.book_id, break.number, break.kept_pending,
    money.suspense_book, money.suspense_in, money.suspense, money.stake_in, money.stake,
    item.record_type, item.gross, item.currency as item_in, item.cost, item.merchant_fee, item.reserve, item.reserve_until,
    item.occurred_on, item.matures,
    exists (
        select from transfer
        join account on account.id in (transfer.debit_account, transfer.credit_account) and account.code in (1900, 2900, 5060)
        where transfer.book_id = item.book_id and transfer.entry_number = item.number
    ) as not_merchants
from break
join acquirer on acquirer.id = break.acquirer_id
join break_money money on money.break_id = break.id
left join open_item item on break.class = 'MISSING_IN_FILE' and item.book_id = break.book_id and item.number = break.number
where break.id = any($1::bigint[])
order by break.id;
