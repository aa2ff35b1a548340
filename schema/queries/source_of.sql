-- The latest source of this content, made when it is new. $1 kind, $2 name, $3 SHA-256.
with made as (
    insert into source (kind, name, digest) values ($1, $2, $3)
    on conflict (kind, digest, run) do nothing
    returning id, name, run, true as new
)
select id, name, run, new from made
union all
(select id, name, run, false from source where kind = $1 and digest = $3 order by run desc limit 1)
limit 1;
