-- What a merchant has in a currency: available, and beside. $1 book, $2 currency.
select coalesce(sum(balance.credits - balance.debits) filter (where account.code = 2020), 0)::bigint as available,
       coalesce(sum(balance.credits - balance.debits) filter (where account.code <> 2020), 0)::bigint as beside
from balance
join account on account.id = balance.account_id
where balance.book_id = $1 and account.currency = $2 and account.code in (2010, 2020, 2030, 2040);
