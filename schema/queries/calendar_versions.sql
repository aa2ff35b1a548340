-- Every calendar version by name, oldest first.
select name, number, digest, content, imported_at from calendar_version order by name, number;
