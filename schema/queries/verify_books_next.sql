-- The next books of the cursor.
fetch forward 5000 from verify_books;
