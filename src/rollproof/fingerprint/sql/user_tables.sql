-- Tables that hold rows of their own: ordinary tables, and each partitioned table as one, so that
-- rows that move between partitions are the rows they were. Columns come in name order.
-- Left out: partitions (told with their root), foreign tables (their rows are elsewhere), materialized views
-- (their rows are derived, and a restore computes them anew), temporary tables.
-- An extension's tables are in: their rows go away with it.
SELECT format('%I.%I', n.nspname, c.relname) AS qualified, n.nspname AS schema, c.relname AS name,
       c.relkind = 'p' AS partitioned,
       ARRAY(SELECT a.attname FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname COLLATE "C") AS columns,
       ARRAY(SELECT a.attname FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
             WHERE k.place <= i.indnkeyatts ORDER BY k.place) AS key,
       ARRAY(SELECT a.attname FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
             ORDER BY 1) AS integers,
       ARRAY(SELECT a.attname FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.atttypid = 'uuid'::regtype ORDER BY 1) AS uuids,
       -- Columns whose binary form tells all that their text does, and depends on no oid that may be made anew.
       ARRAY(SELECT a.attname FROM pg_attribute a
             JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND t.oid < 16384 AND t.typtype IN ('b', 'r', 'm')
               AND t.typsend <> 0 AND t.typname !~ '^_?reg'
               AND (e.oid IS NULL OR (e.oid < 16384 AND e.typtype IN ('b', 'r', 'm') AND e.typsend <> 0))) AS sent,
       EXISTS (SELECT FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
               WHERE c.relkind = 'p' AND l.relkind = 'f') AS has_foreign_leaves
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary AND i.indisvalid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.oid >= 16384
  AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";

-- The leaves of partitioned tables some of whose leaves are foreign: only the local ones are read.
SELECT rn.nspname AS root_schema, r.relname AS root, n.nspname AS schema, l.relname AS name
FROM pg_class r
JOIN pg_namespace rn ON rn.oid = r.relnamespace
CROSS JOIN LATERAL pg_partition_tree(r.oid) t
JOIN pg_class l ON l.oid = t.relid
JOIN pg_namespace n ON n.oid = l.relnamespace
WHERE r.relkind = 'p' AND NOT r.relispartition AND t.isleaf AND l.relkind = 'r'
  AND EXISTS (SELECT FROM pg_partition_tree(r.oid) x JOIN pg_class f ON f.oid = x.relid WHERE f.relkind = 'f')
ORDER BY 1, 2, 3, 4;

-- Are there large objects, and may their pages be read?
SELECT EXISTS (SELECT FROM pg_largeobject_metadata) AS present,
       has_table_privilege('pg_largeobject', 'SELECT') AS readable;
