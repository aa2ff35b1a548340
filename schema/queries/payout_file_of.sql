-- The bank file of a payout. $1 payout.
select file_id from payout where id = $1 and file_id is not null;
