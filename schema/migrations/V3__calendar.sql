-- Calendars: every file that was imported, whole.

create table calendar_version (
    id           integer generated always as identity primary key,
    name         text collate "C" not null,
    number       integer not null constraint calendar_version_number check (number >= 1),
    digest       bytea not null constraint calendar_version_digest check (length(digest) = 32),
    content      text not null,
    imported_at  timestamptz not null default now(),
    constraint calendar_version_identity unique (name, number)
);
comment on table calendar_version is 'Every calendar file that was imported, whole, numbered by name. The latest of a name is in force; what was counted before it came was counted with the one before.';

create trigger calendar_version_append_only before update or delete or truncate on calendar_version
    for each statement execute function refuse_change();
alter table calendar_version enable always trigger calendar_version_append_only;

grant select on calendar_version to acquit_runtime, acquit_auditor;
grant insert (name, number, digest, content) on calendar_version to acquit_runtime;
