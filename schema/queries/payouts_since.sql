-- Since when the oldest of what is available has been there: what was credited last is what is left. $1 books, $2 currencies, $3 what is
-- available, $4 code of the account.
select wanted.book_id, wanted.currency, (
    select min(credited.booking_date)
    from (
        select entry.booking_date,
            sum(transfer.amount) over (order by transfer.entry_number desc, transfer.ordinal desc) - transfer.amount as later
        from transfer
        join account on account.id = transfer.credit_account and account.code = $4 and account.currency = wanted.currency
        join entry on entry.book_id = transfer.book_id and entry.number = transfer.entry_number
        where transfer.book_id = wanted.book_id
    ) credited
    where credited.later < wanted.amount
) as since
from unnest($1::bigint[], $2::text[], $3::bigint[]) as wanted (book_id, currency, amount)
order by wanted.book_id, wanted.currency;
