-- The latest migration that a database has; fails with undefined_table (42P01) where there never was one.
select max(version) as version
from refinery_schema_history;
