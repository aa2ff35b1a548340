-- The next balances of the cursor.
fetch forward 5000 from verify_balances;
