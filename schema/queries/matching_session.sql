-- How this transaction joins a whole file with the open items: hashed and sorted in memory, to the last row. The lines are new, so the planner knows nothing of their number, and a guess of one row would mean a scan of the open items for each.
select set_config('work_mem', '256MB', true), set_config('cursor_tuple_fraction', '1.0', true), set_config('enable_nestloop', 'off', true);
