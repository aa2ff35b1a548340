-- Ends the candidates.
close candidates;
