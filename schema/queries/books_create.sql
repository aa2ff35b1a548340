-- Opens a book for each merchant that has none. $1 merchants, sorted.
insert into book (merchant)
select merchant from unnest($1::text[]) with ordinality as wanted (merchant, place)
where not exists (select from book where book.merchant = wanted.merchant)
order by place
on conflict (merchant) do nothing;
