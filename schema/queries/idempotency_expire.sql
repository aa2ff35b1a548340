-- Removes one idempotency key that has expired, to be used anew. $1 merchant, $2 environment, $3 operation, $4 key, $5 the
-- time, none for now.
delete from idempotency_key
where merchant = $1 and environment = $2 and operation = $3 and key = $4 and expires_at <= coalesce($5::timestamptz, now());
