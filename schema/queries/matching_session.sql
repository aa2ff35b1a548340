-- How this transaction plans its joins of a whole file with the open items: hashed and sorted in memory, to their last row. The lines are new, so nothing is known of their number yet, and a guess of one row would mean a scan of the open items for each.
set local work_mem = '128MB';
set local cursor_tuple_fraction = 1.0;
set local enable_nestloop = off;
