-- Trial balance of everything booked, from the balances. $1: a merchant, or null for all books.
select account.code, account_code.name, account_code.memo, account.currency, account.exponent, account.dimension,
       sum(balance.debits)::text as debits, sum(balance.credits)::text as credits
from balance
join book on book.id = balance.book_id
join account on account.id = balance.account_id
join account_code on account_code.number = account.code
where $1::text is null or book.merchant = $1
group by account.code, account_code.name, account_code.memo, account.currency, account.exponent, account.dimension
order by account_code.memo, account.currency, account.code, account.dimension;
