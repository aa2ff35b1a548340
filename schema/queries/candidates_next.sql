-- The next rows of the candidates.
fetch 20000 from candidates;
