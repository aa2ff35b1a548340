-- Plans payouts.
copy payout (book_id, currency, exponent, cutoff, amount, fee, vat, end_to_end_id, holder, destination, bank, planned_by) from stdin (format binary);
