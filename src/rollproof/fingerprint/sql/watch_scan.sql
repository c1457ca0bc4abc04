-- What changed since the snapshot whose oldest running transaction was $1: one row a catalog, with the number of its
-- rows and [key, owner] of each row that was written by a transaction which that snapshot could not see as finished.
-- A key is unique in its catalog, or else only serves to name the owner: the oid of the object that the row is part of.
-- Rows that come and go with their relation, type or function are not counted.
-- age() compares transactions as the server does; what is visible to all for ever, such as the rows of initdb, is older
-- than anything. Freezing does not change xmin. Catalogs that only superusers may read stand in "every look" (incremental_statements.py).
WITH marker AS MATERIALIZED (SELECT age($1::xid) AS age)
SELECT 'pg_class' AS catalog, count(*) AS rows, array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)) AS keys, NULL AS text
FROM pg_class
UNION ALL
SELECT 'pg_attribute', 0, array_agg(ARRAY[attrelid::bigint, attrelid::bigint]), NULL
FROM pg_attribute WHERE age(xmin) <= (SELECT age FROM marker)
UNION ALL
SELECT 'pg_attrdef', count(*), array_agg(ARRAY[oid::bigint, adrelid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_attrdef
UNION ALL
SELECT 'pg_constraint', count(*), array_agg(ARRAY[oid::bigint, conrelid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_constraint
UNION ALL
SELECT 'pg_index', 0, array_agg(ARRAY[indexrelid::bigint, indrelid::bigint]), NULL
FROM pg_index WHERE age(xmin) <= (SELECT age FROM marker)
UNION ALL
SELECT 'pg_trigger', count(*), array_agg(ARRAY[oid::bigint, tgrelid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_trigger
UNION ALL
SELECT 'pg_policy', count(*), array_agg(ARRAY[oid::bigint, polrelid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_policy
UNION ALL
SELECT 'pg_rewrite', count(*), array_agg(ARRAY[oid::bigint, ev_class::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_rewrite
UNION ALL
SELECT 'pg_inherits', count(*), array_agg(ARRAY[inhrelid::bigint << 32 | inhparent::bigint, inhrelid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_inherits
UNION ALL
SELECT 'pg_statistic_ext', count(*), array_agg(ARRAY[oid::bigint, stxrelid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_statistic_ext
UNION ALL
SELECT 'pg_sequence', 0, array_agg(ARRAY[seqrelid::bigint, seqrelid::bigint]), NULL
FROM pg_sequence WHERE age(xmin) <= (SELECT age FROM marker)
UNION ALL
SELECT 'pg_partitioned_table', 0, array_agg(ARRAY[partrelid::bigint, partrelid::bigint]), NULL
FROM pg_partitioned_table WHERE age(xmin) <= (SELECT age FROM marker)
UNION ALL
SELECT 'pg_foreign_table', 0, array_agg(ARRAY[ftrelid::bigint, ftrelid::bigint]), NULL
FROM pg_foreign_table WHERE age(xmin) <= (SELECT age FROM marker)
UNION ALL
SELECT 'pg_type', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_type
UNION ALL
SELECT 'pg_enum', count(*), array_agg(ARRAY[oid::bigint, enumtypid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_enum
UNION ALL
SELECT 'pg_range', 0, array_agg(ARRAY[rngtypid::bigint, rngtypid::bigint]), NULL
FROM pg_range WHERE age(xmin) <= (SELECT age FROM marker)
UNION ALL
SELECT 'pg_proc', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_proc
UNION ALL
SELECT 'pg_aggregate', 0, array_agg(ARRAY[aggfnoid::oid::bigint, aggfnoid::oid::bigint]), NULL
FROM pg_aggregate WHERE age(xmin) <= (SELECT age FROM marker)
UNION ALL
SELECT 'pg_namespace', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_namespace
UNION ALL
SELECT 'pg_description', count(*), array_agg(ARRAY[objoid::bigint << 26 | classoid::bigint << 12 | objsubid, objoid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM (SELECT xmin, * FROM pg_description WHERE objoid >= 16384
      UNION ALL SELECT xmin, * FROM pg_description WHERE objoid = to_regnamespace('public') AND classoid = 'pg_namespace'::regclass) d
UNION ALL
SELECT 'pg_depend', count(*), array_agg(ARRAY[classid::bigint, objid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_depend WHERE refclassid = 'pg_extension'::regclass
UNION ALL
SELECT 'pg_operator', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_operator WHERE oid >= 16384
UNION ALL
SELECT 'pg_opclass', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_opclass
UNION ALL
SELECT 'pg_opfamily', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_opfamily
UNION ALL
SELECT 'pg_amop', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_amop WHERE amopfamily >= 16384
UNION ALL
SELECT 'pg_amproc', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_amproc WHERE amprocfamily >= 16384
UNION ALL
SELECT 'pg_cast', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_cast
UNION ALL
SELECT 'pg_transform', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_transform
UNION ALL
SELECT 'pg_am', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_am
UNION ALL
SELECT 'pg_collation', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_collation
UNION ALL
SELECT 'pg_conversion', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_conversion
UNION ALL
SELECT 'pg_ts_config', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_ts_config
UNION ALL
SELECT 'pg_ts_dict', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_ts_dict
UNION ALL
SELECT 'pg_ts_parser', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_ts_parser
UNION ALL
SELECT 'pg_ts_template', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_ts_template
UNION ALL
SELECT 'pg_language', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_language
UNION ALL
SELECT 'pg_event_trigger', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_event_trigger
UNION ALL
SELECT 'pg_extension', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_extension
UNION ALL
SELECT 'pg_foreign_data_wrapper', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_foreign_data_wrapper
UNION ALL
SELECT 'pg_foreign_server', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_foreign_server
UNION ALL
SELECT 'pg_publication', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_publication
UNION ALL
SELECT 'pg_publication_rel', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_publication_rel
UNION ALL -- since 15
SELECT 'pg_publication_namespace', count(*), array_agg(ARRAY[oid::bigint, oid::bigint]) -- since 15
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL -- since 15
FROM pg_publication_namespace -- since 15
UNION ALL
SELECT 'pg_default_acl', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_default_acl
UNION ALL
SELECT 'pg_largeobject_metadata', count(*), array_agg(ARRAY[oid::bigint, oid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_largeobject_metadata
UNION ALL
SELECT 'pg_ts_config_map', count(*), array_agg(ARRAY[mapcfg::bigint, mapcfg::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_ts_config_map WHERE mapcfg >= 16384
UNION ALL
SELECT 'pg_init_privs', count(*), array_agg(ARRAY[objoid::bigint, objoid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_init_privs
UNION ALL
SELECT 'pg_seclabel', count(*), array_agg(ARRAY[objoid::bigint, objoid::bigint])
       FILTER (WHERE age(xmin) <= (SELECT age FROM marker)), NULL
FROM pg_seclabel
UNION ALL
-- What watch_relations.sql reads, of the relations that are new or changed.
SELECT 'relations', 0, NULL, json_agg(json_build_array(c.oid::bigint, format('%I.%I', n.nspname, c.relname), c.relnamespace::bigint,
                                                       c.relkind, c.relpersistence, c.relfilenode::bigint))::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND age(c.xmin) <= (SELECT age FROM marker)
UNION ALL
-- Names that are printed everywhere, and may be changed from any database.
SELECT 'names', count(*), NULL, string_agg(format('%s %s %s', s.kind, s.oid, to_json(s.name::text)), E'\n' ORDER BY s.kind, s.oid)
FROM (SELECT 'role' AS kind, oid, rolname AS name FROM pg_roles
      UNION ALL SELECT 'tablespace', oid, spcname FROM pg_tablespace) s
UNION ALL
SELECT 'marker', 0, NULL, pg_snapshot_xmin(pg_current_snapshot())::xid::text
