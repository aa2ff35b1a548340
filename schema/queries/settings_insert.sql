-- Keeps a settings version. $1 first day, $2 SHA-256, $3 content.
insert into settings_version (effective_from, digest, content) values ($1, $2, $3);
