-- [key, owner] of all rows of users in those catalogs of which rows may go away alone; see watch_scan.sql.
-- Each part, up to "next", is also run by itself, with the keys alone.
SELECT 'pg_class' AS catalog, array_agg(ARRAY[oid::bigint, oid::bigint]) AS keys
FROM pg_class WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_attrdef', array_agg(ARRAY[oid::bigint, adrelid::bigint])
FROM pg_attrdef WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_constraint', array_agg(ARRAY[oid::bigint, conrelid::bigint])
FROM pg_constraint WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_trigger', array_agg(ARRAY[oid::bigint, tgrelid::bigint])
FROM pg_trigger WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_policy', array_agg(ARRAY[oid::bigint, polrelid::bigint])
FROM pg_policy WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_rewrite', array_agg(ARRAY[oid::bigint, ev_class::bigint])
FROM pg_rewrite WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_statistic_ext', array_agg(ARRAY[oid::bigint, stxrelid::bigint])
FROM pg_statistic_ext WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_type', array_agg(ARRAY[oid::bigint, oid::bigint])
FROM pg_type WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_enum', array_agg(ARRAY[oid::bigint, enumtypid::bigint])
FROM pg_enum WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_proc', array_agg(ARRAY[oid::bigint, oid::bigint])
FROM pg_proc WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_foreign_data_wrapper', array_agg(ARRAY[oid::bigint, oid::bigint])
FROM pg_foreign_data_wrapper WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_foreign_server', array_agg(ARRAY[oid::bigint, oid::bigint])
FROM pg_foreign_server WHERE oid >= 16384
UNION ALL -- next
SELECT 'pg_inherits', array_agg(ARRAY[inhrelid::bigint << 32 | inhparent::bigint, inhrelid::bigint])
FROM pg_inherits
UNION ALL -- next
SELECT 'pg_namespace', array_agg(ARRAY[oid::bigint, oid::bigint])
FROM pg_namespace
UNION ALL -- next
SELECT 'pg_description', array_agg(ARRAY[objoid::bigint << 26 | classoid::bigint << 12 | objsubid, objoid::bigint])
FROM (SELECT * FROM pg_description WHERE objoid >= 16384
      UNION ALL SELECT * FROM pg_description WHERE objoid = to_regnamespace('public') AND classoid = 'pg_namespace'::regclass) d
