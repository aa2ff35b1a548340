-- Every reversal names an earlier entry of its book, once, and moves the same amounts back.
with sides as (
    select book_id, entry_number as number, debit_account as debited, credit_account as credited, sum(amount) as amount
    from transfer
    group by book_id, entry_number, debit_account, credit_account
)
select entry.book_id, entry.number, entry.reverses
from entry
left join entry target on target.book_id = entry.book_id and target.number = entry.reverses
where (entry.kind = 30 and entry.reverses is null)
   or (entry.reverses is not null and (target.number is null or target.number >= entry.number))
   or (entry.kind = 30 and exists (
       select from (select * from sides where book_id = entry.book_id and number = entry.number) back
       full join (select * from sides where book_id = entry.book_id and number = entry.reverses) forth
           on forth.debited = back.credited and forth.credited = back.debited
       where back.amount is distinct from forth.amount
   ))
order by entry.book_id, entry.number;
