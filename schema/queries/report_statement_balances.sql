-- What a merchant's balances are at the end of a day, in every currency that its book has. $1: the merchant; $2: the day, or null for now.
select account.currency,
    sum(moved.amount) filter (where account.code = 2010)::text as pending,
    sum(moved.amount) filter (where account.code in (1200, 2020))::text as available,
    sum(moved.amount) filter (where account.code = 2100)::text as in_transit,
    sum(moved.amount) filter (where account.code = 2030)::text as reserve,
    sum(moved.amount) filter (where account.code = 2040)::text as held
from book
join entry on entry.book_id = book.id
join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
cross join lateral (values (transfer.debit_account, -transfer.amount::numeric), (transfer.credit_account, transfer.amount::numeric)) as moved (account_id, amount)
join account on account.id = moved.account_id
where book.merchant = $1 and ($2::date is null or entry.booking_date <= $2) and account.code in (1200, 2010, 2020, 2030, 2040, 2100)
group by account.currency
order by account.currency;
