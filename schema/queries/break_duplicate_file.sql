-- A file came again under another name: a break, once per name. $1 acquirer, $2 source, $3 the name.
insert into break (class, acquirer_id, source_id, found_in, detail)
values ('DUPLICATE_FILE', $1, $2, $2, $3)
on conflict (source_id, class, detail) where ordinal is null and book_id is null do nothing;
