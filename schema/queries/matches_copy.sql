-- Takes matches.
copy settlement_match (book_id, number, source_id, ordinal, pass, item_gross, line_gross) from stdin (format binary);
