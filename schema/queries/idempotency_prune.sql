-- Removes idempotency keys that have expired, the oldest first. $1 how many at most, $2 the time, none for now.
delete from idempotency_key
using (
    select merchant, environment, operation, key
    from idempotency_key
    where expires_at <= coalesce($2::timestamptz, now())
    order by expires_at
    limit $1
) as expired
where idempotency_key.merchant = expired.merchant
    and idempotency_key.environment = expired.environment
    and idempotency_key.operation = expired.operation
    and idempotency_key.key = expired.key;
