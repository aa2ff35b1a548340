-- The books in which a settlement file was booked. $1 source.
select book_id from entry where source_id = $1 and kind in (10, 11, 12)
union
select book_id from settlement_match where source_id = $1
order by book_id;
