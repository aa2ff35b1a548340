-- What a million matches cost beside their rows. Which proposal a match by hand is of is proven by audits/matches_by_hand.sql, and comes of the
-- statement that writes both: a reference would be looked at for every match of the system, which has none. How many are late, or of another
-- day, is counted with the passes, by one look at them.

alter table settlement_match drop constraint settlement_match_proposal_id_fkey;
drop index settlement_match_timed;
