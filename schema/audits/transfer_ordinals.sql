-- Every transfer belongs to an entry, and the transfers of an entry are numbered 1, 2, 3 without a gap.
select transfer.book_id, transfer.entry_number, count(*) as transfers, max(transfer.ordinal) as last_ordinal,
       bool_and(entry.number is not null) as has_entry
from transfer
left join entry on entry.book_id = transfer.book_id and entry.number = transfer.entry_number
group by transfer.book_id, transfer.entry_number
having count(*) <> max(transfer.ordinal) or not bool_and(entry.number is not null)
order by transfer.book_id, transfer.entry_number;
