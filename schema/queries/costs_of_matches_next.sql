-- The next of them.
fetch 20000 from costs_of_matches;
