-- Lets this transaction sort and hash a large file in memory.
set local work_mem = '128MB';
