-- Locks payers, in the order of their buckets so that writers never deadlock. Buckets, because the lock table of a server is small. $1 payers.
select pg_advisory_xact_lock(1094800761, bucket)
from (
    select distinct (hashtextextended(payer, 0) & 1023)::integer as bucket
    from unnest($1::text[]) as wanted (payer)
    order by bucket
) as sorted;
