-- Takes items that were matched out of the open ones. $1 their places.
delete from open_item where ctid = any($1);
