-- Columns that a sequence feeds: by ownership (serial, identity) or by a default that calls nextval.
-- A partitioned table speaks for its partitions. A sequence that cycles may stand before its column's highest value; a column that is no number has none.
SELECT DISTINCT sn.nspname AS schema, s.relname AS sequence, q.seqincrement AS increment,
       tn.nspname AS table_schema, t.relname AS table, a.attname AS column
FROM pg_depend d
JOIN pg_class s ON s.relkind = 'S' AND s.relpersistence <> 't'
     AND s.oid = CASE WHEN d.deptype = 'n' THEN d.refobjid ELSE d.objid END
LEFT JOIN pg_attrdef f ON d.deptype = 'n' AND f.oid = d.objid
JOIN pg_class t ON t.oid = CASE WHEN d.deptype = 'n' THEN f.adrelid ELSE d.refobjid END
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = CASE WHEN d.deptype = 'n' THEN f.adnum ELSE d.refobjsubid END
JOIN pg_type y ON y.oid = a.atttypid
JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE d.refclassid = 'pg_class'::regclass AND NOT t.relispartition
  AND (d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
       OR d.classid = 'pg_attrdef'::regclass AND d.deptype = 'n')
  AND t.relkind IN ('r', 'p')
  AND coalesce(nullif(y.typbasetype, 0), y.oid) IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
  AND NOT q.seqcycle
ORDER BY 1, 2, 4, 5, 6;
