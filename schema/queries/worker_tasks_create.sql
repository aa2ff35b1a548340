-- Makes the rows of tasks that have none. $1: their names.
insert into worker_task (name)
select name from unnest($1::text[]) as named (name)
order by name
on conflict (name) do nothing;
