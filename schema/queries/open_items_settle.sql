-- Takes items that were matched out of the open ones. $1 their places, up to a million: inside a sub-select the planner does not weigh each of them.
delete from open_item where ctid = any((select $1::tid[])::tid[]);
