-- The bank file is on disk. $1 source.
update payout_file set written = true where source_id = $1;
