-- Marks a planned loss or recovery as booked. $1 id, $2 by whom, $3 entry.
update loss set state = 'booked', approved_by = $2, number = $3
where id = $1 and state = 'planned';
