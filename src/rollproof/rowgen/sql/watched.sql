-- Tables whose rows are watched: those of fingerprint/sql/user_tables.sql, but only those among $2, qualified names
-- of tables or of partitions of theirs; without the line that ends in "named", all. A table larger than $1 bytes on disk is "big".
SELECT format('%I.%I', n.nspname, c.relname) AS qualified, n.nspname AS schema, c.relname AS name,
       quote_ident(n.nspname) AS quoted_schema,
       c.relkind = 'p' AS partitioned,
       a.columns, a.quoted, a.integers, a.uuids,
       ARRAY(SELECT k.attname FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS x (attnum, place)
             JOIN pg_catalog.pg_attribute k ON k.attrelid = c.oid AND k.attnum = x.attnum
             WHERE x.place <= i.indnkeyatts ORDER BY x.place) AS key,
       CASE WHEN c.relkind = 'p' THEN
           ARRAY(SELECT ARRAY[ln.nspname, l.relname] FROM pg_catalog.pg_partition_tree(c.oid) t
                 JOIN pg_catalog.pg_class l ON l.oid = t.relid JOIN pg_catalog.pg_namespace ln ON ln.oid = l.relnamespace
                 WHERE t.isleaf AND l.relkind = 'r' ORDER BY 1)
       END AS leaves,
       c.relkind = 'p' AND EXISTS (SELECT FROM pg_catalog.pg_partition_tree(c.oid) t
                                   JOIN pg_catalog.pg_class l ON l.oid = t.relid WHERE l.relkind = 'f') AS has_foreign_leaves,
       c.relkind = 'r' AND c.relpages > 0 AND pg_catalog.pg_table_size(c.oid) > $1 AS big
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary AND i.indisvalid
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(f.attname ORDER BY f.attname COLLATE "C"), '{}') AS columns,
           coalesce(array_agg(quote_ident(f.attname) ORDER BY f.attname COLLATE "C"), '{}') AS quoted,
           coalesce(array_agg(f.attname) FILTER (WHERE f.atttypid IN (20, 21, 23)), '{}') AS integers,
           coalesce(array_agg(f.attname) FILTER (WHERE f.atttypid = 2950), '{}') AS uuids
    FROM pg_catalog.pg_attribute f
    WHERE f.attrelid = c.oid AND f.attnum > 0 AND NOT f.attisdropped
) a
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.oid >= 16384
  AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast'
  AND c.oid = ANY (ARRAY(SELECT coalesce(pg_catalog.pg_partition_root(to_regclass(x)), to_regclass(x)) FROM unnest($2) AS x)) --named
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";
