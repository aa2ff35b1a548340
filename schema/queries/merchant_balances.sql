-- What merchants are owed, by currency; a merchant without entries has one row without a currency. $1: a merchant, or null for all.
select book.merchant, owed.currency,
       coalesce(sum(owed.amount) filter (where owed.code = 2020), 0)::bigint as available,
       coalesce(sum(owed.amount) filter (where owed.code = 2010), 0)::bigint as pending,
       coalesce(sum(owed.amount) filter (where owed.code = 2030), 0)::bigint as reserve,
       coalesce(sum(owed.amount) filter (where owed.code = 2040), 0)::bigint as hold,
       coalesce(sum(owed.amount) filter (where owed.code = 2100), 0)::bigint as in_transit
from book
left join lateral (
    select account.code, account.currency, balance.credits - balance.debits as amount
    from balance
    join account on account.id = balance.account_id
    where balance.book_id = book.id and account.code in (2010, 2020, 2030, 2040, 2100)
) owed on true
where book.merchant is not null and ($1::text is null or book.merchant = $1)
group by book.merchant, owed.currency
order by book.merchant, owed.currency;
