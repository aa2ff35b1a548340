-- The payouts of a file that the bank was given. $1 source.
update payout set state = 'sent' where file_id = $1 and state = 'instructed';
