-- Keeps a calendar version. $1 name, $2 its number, $3 SHA-256, $4 content.
insert into calendar_version (name, number, digest, content) values ($1, $2, $3, $4);
