-- What was answered under an idempotency key. $1 merchant, $2 environment, $3 operation, $4 key, $5 the time, none for now.
select fingerprint, status, body, expires_at <= coalesce($5::timestamptz, now()) as expired
from idempotency_key
where merchant = $1 and environment = $2 and operation = $3 and key = $4;
