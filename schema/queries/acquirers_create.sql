-- Gives each acquirer that has none an id. $1 names, sorted.
insert into acquirer (name)
select name from unnest($1::text[]) with ordinality as wanted (name, place)
where not exists (select from acquirer where acquirer.name = wanted.name)
order by place
on conflict (name) do nothing;
