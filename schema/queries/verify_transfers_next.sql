-- The next transfers of the cursor.
fetch forward 10000 from verify_transfers;
