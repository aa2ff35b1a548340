-- What is available now in these books, less all that withdrawn captures take back of it at the next release. $1 books, $2 code of the account.
select balance.book_id, account.currency,
    balance.credits - balance.debits + coalesce((
        select sum(maturing.payable)::bigint from maturing
        where maturing.book_id = balance.book_id and maturing.currency = account.currency and maturing.payable < 0), 0) as amount
from balance
join account on account.id = balance.account_id and account.code = $2
where balance.book_id = any($1::bigint[]);
