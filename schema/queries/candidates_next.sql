-- The next rows of the candidates.
fetch 40000 from candidates;
