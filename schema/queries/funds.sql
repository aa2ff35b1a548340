-- What merchants have. $1 books.
select balance.book_id, account.code, account.currency, balance.debits, balance.credits
from balance
join account on account.id = balance.account_id
where balance.book_id = any ($1::bigint[]) and account.code in (2010, 2020, 2030);
