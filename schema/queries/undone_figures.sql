-- What undoing a settlement file came to. $1 its source, $2 the source of the reversals.
select (select count(*) from entry where source_id = $2 and kind = 30) as entries,
    (select count(distinct (book_id, number)) from standing_match where source_id = $1) as items,
    (select count(*) from break where found_in = $1 and resolution = 'undone') as breaks;
