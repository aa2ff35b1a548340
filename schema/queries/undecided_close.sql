-- Ends the undecided lines.
close undecided;
