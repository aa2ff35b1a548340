-- The entries of every book are numbered 1, 2, 3 without a gap, and its head is its last entry.
select coalesce(book.id, entries.book_id) as book_id, book.number as head, entries.last_number, entries.how_many
from book
full join (
    select book_id, count(*) as how_many, max(number) as last_number
    from entry
    group by book_id
) entries on entries.book_id = book.id
left join entry last on last.book_id = book.id and last.number = book.number
where book.id is null
   or book.number <> coalesce(entries.last_number, 0)
   or book.number <> coalesce(entries.how_many, 0)
   or book.hash <> coalesce(last.hash, decode(repeat('00', 32), 'hex'))
order by 1;
