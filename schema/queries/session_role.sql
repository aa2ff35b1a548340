-- Whether the login may act as the run-time role, and whether as the auditor's: one row.
select coalesce(bool_or(pg_has_role(current_user, oid, 'member')) filter (where rolname = 'acquit_runtime'), false) as is_runtime,
    coalesce(bool_or(pg_has_role(current_user, oid, 'member')) filter (where rolname = 'acquit_auditor'), false) as is_auditor
from pg_roles
where rolname in ('acquit_runtime', 'acquit_auditor');
