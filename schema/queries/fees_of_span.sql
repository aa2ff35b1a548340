-- What books charged for some days, by currency: credits less debits of accounts of fees. $1 books; $2, $3: first and
-- last day; $4: the accounts; $5: only entries before this number, or null.
select entry.book_id, debit.currency,
       sum(case when credit.code = any($4::smallint[]) then transfer.amount else 0 end
           - case when debit.code = any($4::smallint[]) then transfer.amount else 0 end)::text as charged
from entry
join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
join account debit on debit.id = transfer.debit_account
join account credit on credit.id = transfer.credit_account
where entry.book_id = any($1::bigint[])
  and entry.booking_date >= $2 and coalesce(entry.happened_on, entry.booking_date) between $2 and $3
  and ($5::bigint is null or entry.number < $5)
  and (debit.code = any($4::smallint[]) or credit.code = any($4::smallint[]))
group by entry.book_id, debit.currency
order by entry.book_id, debit.currency;
