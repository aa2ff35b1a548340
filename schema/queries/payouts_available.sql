-- What is available now in these books. $1 books, $2 code of the account.
select balance.book_id, account.currency, balance.credits - balance.debits as amount
from balance
join account on account.id = balance.account_id and account.code = $2
where balance.book_id = any($1::bigint[]);
