-- Takes matches.
copy settlement_match (book_id, number, source_id, ordinal, pass, item_gross, line_gross, passed_on, passed_on_vat) from stdin (format binary);
