-- The next entries of the cursor.
fetch forward 5000 from verify_entries;
