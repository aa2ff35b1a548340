-- Keeps what is tolerated of the gross amounts of a file. $1 source, $2 currency, $3 how much.
insert into tolerated (source_id, currency, used) values ($1, $2, $3);
