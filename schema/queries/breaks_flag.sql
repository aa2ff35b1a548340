-- Opens breaks of recorded events. $1 classes, $2 acquirers, $3 books, $4 numbers, $5 source, $6 details.
insert into break (class, acquirer_id, book_id, number, found_in, detail)
select class, acquirer_id, book_id, number, $5::bigint, detail
from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $6::text[]) as flag (class, acquirer_id, book_id, number, detail);
