-- Cancels a planned loss or recovery. $1 id.
update loss set state = 'cancelled'
where id = $1 and state = 'planned';
