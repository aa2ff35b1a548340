-- Keeps an answer. $1 merchant, $2 environment, $3 operation, $4 key, $5 fingerprint of the request, $6 status, $7 body.
insert into idempotency_key (merchant, environment, operation, key, fingerprint, status, body)
values ($1, $2, $3, $4, $5, $6, $7);
