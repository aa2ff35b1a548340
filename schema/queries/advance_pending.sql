-- Captures that no file has reported and whose money is pending until one does, oldest first. $1 book, $2 currency, $3 how many.
select number, gross - merchant_fee as payable, reserve, reserve_until, occurred_on
from open_item
where book_id = $1 and currency = $2 and record_type = 1 and not matures
order by occurred_on, number
limit $3;
