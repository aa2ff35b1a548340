-- A file that holds a batch of a booked file, with other content: a break, once per file and batch. $1 acquirer, $2 source, $3 the words.
insert into break (class, acquirer_id, source_id, found_in, detail)
values ('SUPERSEDED_FILE', $1, $2, $2, $3)
on conflict (source_id, class, detail) where ordinal is null and book_id is null do nothing;
