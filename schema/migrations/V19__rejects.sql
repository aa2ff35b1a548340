-- What is kept of rejected messages of binary files.

comment on column settlement_reject.raw is 'The row as it came, or the elements of a message, card numbers masked, cut off after 1,000 characters; of a message that falls apart only how long it is.';
