-- What merchants have available and in reserve, by currency; a row without currency for who has nothing yet. $1 books, $2 merchants, $3 code of what is available, $4 code of the reserve.
select book.id as book_id, book.merchant, account.currency,
    coalesce(sum(balance.credits - balance.debits) filter (where account.code = $3), 0)::bigint as available,
    coalesce(sum(balance.credits - balance.debits) filter (where account.code = $4), 0)::bigint as held
from book
left join (balance join account on account.id = balance.account_id and account.code in ($3, $4)) on balance.book_id = book.id
where book.id = any($1::bigint[]) and book.merchant = any($2::text[])
group by book.id, book.merchant, account.currency;
