-- Another run of a source's content, unless there is one. $1 source, $2 name.
insert into source (kind, name, digest, run)
select kind, $2, digest, run + 1 from source where id = $1
on conflict (kind, digest, run) do nothing
returning id, name, run, true as new;
