-- The next undecided lines.
fetch 20000 from undecided;
