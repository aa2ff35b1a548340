-- Every reversal names an earlier entry of its book, once, and moves the same amounts back first.
-- A withdrawn capture and a failed refund may go on with what their exact fees leave to be posted; any other reversal ends there.
select entry.book_id, entry.number, entry.reverses
from entry
left join entry target on target.book_id = entry.book_id and target.number = entry.reverses
where (entry.kind in (15, 28, 30) and entry.reverses is null)
   or (entry.reverses is not null and (target.number is null or target.number >= entry.number))
   or (entry.reverses is not null and exists (
       select from (select * from transfer where book_id = entry.book_id and entry_number = entry.number) back
       full join (select * from transfer where book_id = entry.book_id and entry_number = entry.reverses) forth
           on forth.ordinal = back.ordinal
       where (forth.ordinal is null and entry.kind not in (15, 28))
           or (forth.ordinal is not null and (back.debit_account is distinct from forth.credit_account
               or back.credit_account is distinct from forth.debit_account or back.amount is distinct from forth.amount))
   ))
order by entry.book_id, entry.number;
