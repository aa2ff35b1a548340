-- Every payout instruction, confirmation and return in the books belongs to exactly one payout.
select entry.book_id, entry.number, entry.kind, count(payout.id) as payouts
from entry
left join payout
    on payout.book_id = entry.book_id
   and entry.number = (case entry.kind when 20 then payout.instruction when 21 then payout.confirmation else payout.return_entry end)
where entry.kind in (20, 21, 38)
group by entry.book_id, entry.number, entry.kind
having count(payout.id) <> 1
order by entry.book_id, entry.number;
