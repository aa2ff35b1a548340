-- Idempotency keys: what was answered to a request, kept for 24 hours for whoever sends the same request again.
--
-- A row is written by the transaction that does the work, at its end. So there is no row of unfinished work, and no answer
-- to work that was not done.

create table idempotency_key (
    merchant     text collate "C" not null,
    environment  text collate "C" not null,
    operation    text collate "C" not null,
    key          text collate "C" not null constraint idempotency_key_format check (key ~ '^[\x21-\x7E]{1,255}$'),
    fingerprint  bytea not null constraint idempotency_key_fingerprint check (octet_length(fingerprint) = 32),
    status       smallint not null
                 constraint idempotency_key_status check (status / 100 in (2, 4) and status not in (400, 401, 403, 404, 409, 422, 429)),
    body         text not null constraint idempotency_key_body check (octet_length(body) <= 1048576),
    first_seen   timestamptz not null default now(),
    -- By way of UTC, where a day always has 24 hours.
    expires_at   timestamptz not null
                 generated always as ((first_seen at time zone 'UTC' + interval '24 hours') at time zone 'UTC') stored,
    constraint idempotency_key_identity primary key (merchant, environment, operation, key),
    constraint idempotency_key_scope check (
        least(octet_length(merchant), octet_length(environment), octet_length(operation)) >= 1
        and greatest(octet_length(merchant), octet_length(environment), octet_length(operation)) <= 128
    )
);
create index idempotency_key_expires_at on idempotency_key (expires_at);
comment on table idempotency_key is
    'What was answered to a request, by who asked for what under which key. For 24 hours; references keep money from moving twice for ever.';

-- Twice, like append-only: the run-time role has no right to UPDATE, and this holds for everyone.
create function keep_until_expiry() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and old.expires_at <= now() then
        return old;
    end if;
    raise exception using
        errcode = 'restrict_violation',
        message = format('%s is kept as it is until it expires: %s is refused', tg_table_name, lower(tg_op));
end
$$;

create trigger idempotency_key_kept before update or delete on idempotency_key
    for each row execute function keep_until_expiry();
alter table idempotency_key enable always trigger idempotency_key_kept;

grant select on idempotency_key to acquit_runtime, acquit_auditor;
grant insert (merchant, environment, operation, key, fingerprint, status, body) on idempotency_key to acquit_runtime;
grant delete on idempotency_key to acquit_runtime;
