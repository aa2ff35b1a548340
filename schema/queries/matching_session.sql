-- How this transaction joins a whole file with the open items: hashed and sorted in memory, to the last row. The lines are new, so the planner knows nothing of their number, and a guess of one row would mean a scan of the open items for each. Nothing is compiled: what these switches add to the costs would have every statement of a small file wait half a second for that.
select set_config('work_mem', '128MB', true), set_config('cursor_tuple_fraction', '1.0', true), set_config('enable_nestloop', 'off', true),
    set_config('jit', 'off', true);
