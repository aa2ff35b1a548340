-- Keeps acquirers from being reconciled, in the order of their ids. $1 ids, or null for all.
select id from acquirer where $1::smallint[] is null or id = any($1) order by id for share;
