-- Takes what velocity rules count, by book and number.
copy velocity_activity (book_id, number, payer, method, category, occurred_at, currency, amount) from stdin (format binary);
