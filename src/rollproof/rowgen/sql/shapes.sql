-- What rows of a table must look like. $1: qualified names of tables, or of partitions of theirs.
-- Without the line that ends in "named", of all tables.
-- Left out: the server's own tables, those of extensions, temporary ones; partitions are told with their root.
SELECT c.oid::int8 AS oid, format('%I.%I', n.nspname, c.relname) AS qualified,
       n.nspname AS schema, quote_ident(n.nspname) AS quoted_schema, c.relname AS name, c.relkind::text AS kind,
       (SELECT coalesce(json_agg(json_build_object(
                   'number', a.attnum, 'name', a.attname, 'type', a.atttypid::int8, 'modifier', a.atttypmod, 'declared', format_type(a.atttypid, a.atttypmod),
                   'required', a.attnotnull, 'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
                   'written', a.attgenerated = '' AND a.attidentity <> 'a') ORDER BY a.attnum), '[]')
        FROM pg_catalog.pg_attribute a
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT coalesce(json_agg(json_build_object(
                   'name', o.conname, 'columns', coalesce(o.conkey, '{}'), 'expression', pg_get_expr(o.conbin, o.conrelid)) ORDER BY o.conname), '[]')
        FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.oid AND o.contype = 'c') AS checks,
       (SELECT coalesce(json_agg(json_build_object(
                   'name', o.conname, 'columns', o.conkey, 'deferrable', o.condeferrable,
                   'table', coalesce(pg_catalog.pg_partition_root(r.oid), r.oid)::int8, 'schema', rn.nspname, 'target', r.relname,
                   'partitioned', r.relkind = 'p',
                   'refers', (SELECT json_agg(k.attname ORDER BY x.place)
                              FROM unnest(o.confkey) WITH ORDINALITY AS x (attnum, place)
                              JOIN pg_catalog.pg_attribute k ON k.attrelid = r.oid AND k.attnum = x.attnum)) ORDER BY o.conname), '[]')
        FROM pg_catalog.pg_constraint o
        JOIN pg_catalog.pg_class r ON r.oid = o.confrelid
        JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
        WHERE o.conrelid = c.oid AND o.contype = 'f'
          -- of a key that refers to a partitioned table there is a copy for each of its partitions
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p WHERE p.oid = o.conparentid AND p.conrelid = c.oid)) AS keys,
       (SELECT coalesce(json_agg(a.attname ORDER BY x.place), '[]')
        FROM pg_catalog.pg_index i
        CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS x (attnum, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.attnum
        WHERE i.indrelid = c.oid AND i.indisprimary AND x.place <= i.indnkeyatts) AS primary_key,
       EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion) AND NOT i.indimmediate)
           OR EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type IN ('2', '3')) AS plain_only,
       CASE WHEN c.relkind = 'p' THEN
           (SELECT coalesce(json_agg(json_build_object('table', l.oid::int8, 'foreign', l.relkind = 'f',
                                                       'bound', pg_catalog.pg_get_partition_constraintdef(l.oid)) ORDER BY l.relname), '[]')
            FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid WHERE t.isleaf AND l.relkind <> 'p')
       END AS leaves
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND c.oid >= 16384
  AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
  AND c.oid = ANY (ARRAY(SELECT coalesce(pg_catalog.pg_partition_root(to_regclass(x)), to_regclass(x)) FROM unnest($1) AS x)) --named
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";
