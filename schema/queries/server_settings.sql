-- What a server and a login are, for `acquit doctor`: one row.
select
    current_setting('server_version') as server_version,
    current_setting('fsync') as fsync,
    current_setting('full_page_writes') as full_page_writes,
    current_setting('synchronous_commit') as synchronous_commit,
    current_setting('server_encoding') as server_encoding,
    current_setting('data_checksums') as data_checksums,
    current_setting('TimeZone') as time_zone,
    pg_is_in_recovery() as is_replica,
    current_user::text as login,
    (select rolsuper from pg_roles where rolname = current_user) as is_superuser,
    coalesce((
        select pg_has_role(current_user, relowner, 'member')
        from pg_class
        where oid = to_regclass('entry')
    ), false) as is_owner,
    coalesce((
        select pg_has_role(current_user, oid, 'member')
        from pg_roles
        where rolname = 'acquit_runtime'
    ), false) as is_runtime,
    coalesce((
        select pg_has_role(current_user, oid, 'member')
        from pg_roles
        where rolname = 'acquit_auditor'
    ), false) as is_auditor;
