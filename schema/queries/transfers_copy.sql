-- Takes transfers, by book, entry and ordinal.
copy transfer (book_id, entry_number, ordinal, debit_account, credit_account, amount) from stdin (format binary);
