-- What merchants were charged on an account, by currency. $1: the account; $2: a merchant, or null for all.
select account.currency, sum(balance.credits - balance.debits)::text as charged
from balance
join account on account.id = balance.account_id
join book on book.id = balance.book_id
where account.code = $1
  and book.merchant is not null
  and ($2::text is null or book.merchant = $2)
group by account.currency
having sum(balance.credits - balance.debits) <> 0
order by account.currency;
