-- Entries by the reference, or by merchant and reference, that people name, and whether an acquirer is still to report them. $1 acquirer, $2 names.
select named.name, book.id as book_id, entry.number, item.number is not null as is_open
from unnest($2::text[]) as named (name)
cross join book
join entry on entry.book_id = book.id and entry.reference = any(array[
    named.name, case when starts_with(named.name, book.merchant || ':') then substr(named.name, length(book.merchant) + 2) end])
left join open_item item on item.book_id = entry.book_id and item.number = entry.number and item.acquirer_id = $1
order by named.name, book.id, entry.number;
