-- The next rows of the candidates.
fetch 5000 from candidates;
