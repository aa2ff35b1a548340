-- The bank was given a file. $1 source, $2 day, $3 who gave it.
update payout_file set written = true, sent_on = $2, sent_by = $3 where source_id = $1 and sent_on is null;
