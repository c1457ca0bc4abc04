-- Columns of tables, foreign tables and views. Their position is in "column order" (tables.sql).
SELECT 'column' AS kind,
       --of pg_class rpfvm: c.oid AS watched_oid,
       format('%I.%I.%I', n.nspname, c.relname, a.attname) AS name, n.nspname AS schema,
       format('%s %I.%I',
              CASE c.relkind WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END,
              n.nspname, c.relname) AS parent,
       format_type(a.atttypid, a.atttypmod) AS type,
       NOT a.attnotnull AS nullable,
       CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS "default",
       CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS "generated as",
       CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' ELSE 'no' END AS generated,
       CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' ELSE 'no' END AS identity,
       CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation
            THEN (SELECT format('%I.%I', cn.nspname, co.collname)
                  FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
                  WHERE co.oid = a.attcollation) END AS collation,
       CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' WHEN 'x' THEN 'extended' END AS storage,
       CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE 'default' END AS compression, -- since 14
       CASE WHEN a.attstattarget < 0 THEN NULL ELSE a.attstattarget END AS "statistics target",
       ARRAY(SELECT unnest(a.attoptions) ORDER BY 1) AS options,
       ARRAY(SELECT unnest(a.attfdwoptions) ORDER BY 1) AS "foreign options",
       CASE WHEN a.attinhcount = 0 THEN 'no' WHEN a.attislocal THEN 'and local' ELSE 'yes' END AS inherited
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
  --only AND a.attrelid = ANY ($1)
  AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.oid >= 16384 AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast'
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');
