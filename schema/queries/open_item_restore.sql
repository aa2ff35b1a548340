-- Opens an item again as it was. $1 all of it, as JSON.
insert into open_item select * from jsonb_populate_record(null::open_item, $1::text::jsonb);
