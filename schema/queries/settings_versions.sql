-- Every settings version, oldest first.
select id, effective_from, digest, content, applied_at from settings_version order by effective_from;
