-- Ends them.
close costs_of_matches;
