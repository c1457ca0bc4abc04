-- Indexes that stand for themselves; those behind a constraint are told with it (constraints.sql).
-- The definition is the part after "CREATE INDEX name ON table", so that a new name changes nothing else.
SELECT 'index' AS kind,
       --of pg_class iI: x.oid AS watched_oid,
       format('%I.%I', n.nspname, x.relname) AS name, n.nspname AS schema,
       format('%s %I.%I', CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'table' END, cn.nspname, c.relname) AS parent,
       format('%I.%I', cn.nspname, c.relname) AS "table",
       i.indisunique AS "unique",
       CASE WHEN starts_with(p.definition, p.prefix) THEN substr(p.definition, char_length(p.prefix) + 1) ELSE p.definition END AS definition,
       i.indisvalid AS valid,
       i.indisready AS ready,
       i.indisclustered AS clustered,
       coalesce(s.spcname, 'default') AS tablespace,
       (SELECT format('%I.%I', hn.nspname, h.relname)
        FROM pg_inherits r JOIN pg_class h ON h.oid = r.inhparent JOIN pg_namespace hn ON hn.oid = h.relnamespace
        WHERE r.inhrelid = x.oid) AS "partition of",
       ARRAY(SELECT a.attnum || ': ' || a.attstattarget FROM pg_attribute a
             WHERE a.attrelid = x.oid AND a.attstattarget >= 0 ORDER BY a.attnum) AS "statistics targets"
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = x.relnamespace
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace cn ON cn.oid = c.relnamespace
LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
CROSS JOIN LATERAL (
    SELECT pg_get_indexdef(x.oid) AS definition,
           format('CREATE %sINDEX %I ON %s%I.%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, x.relname,
                  CASE WHEN x.relkind = 'I' THEN 'ONLY ' ELSE '' END, cn.nspname, c.relname) AS prefix) p
WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast'
  --only AND i.indexrelid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = x.oid AND o.contype IN ('p', 'u', 'x'))
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

SELECT 'statistics' AS kind,
       --of pg_statistic_ext: s.oid AS watched_oid,
       format('%I.%I', n.nspname, s.stxname) AS name, n.nspname AS schema,
       format('%s %I.%I', CASE c.relkind WHEN 'f' THEN 'foreign table' WHEN 'm' THEN 'materialized view' ELSE 'table' END,
              cn.nspname, c.relname) AS parent,
       pg_get_userbyid(s.stxowner) AS owner,
       pg_get_statisticsobjdef(s.oid) AS definition,
       CASE WHEN s.stxstattarget < 0 THEN NULL ELSE s.stxstattarget END AS target
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
JOIN pg_class c ON c.oid = s.stxrelid
JOIN pg_namespace cn ON cn.oid = c.relnamespace
WHERE s.oid >= 16384
  --only AND s.oid = ANY ($1)
  AND c.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_statistic_ext'::regclass AND e.objid = s.oid AND e.deptype = 'e');
