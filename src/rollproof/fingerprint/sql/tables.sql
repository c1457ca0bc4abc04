-- Tables, partitioned tables, partitions and foreign tables. An oid below 16384 is the server's own object;
-- whatever a user made in pg_catalog is listed.
SELECT CASE c.relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
       --of pg_class rpf: c.oid AS watched_oid,
       format('%I.%I', n.nspname, c.relname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(c.relowner) AS owner,
       CASE c.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' ELSE 'ordinary' END AS form,
       CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END AS persistence,
       m.amname AS "access method",
       coalesce(s.spcname, 'default') AS tablespace,
       CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END AS "of type",
       c.relrowsecurity AS "row security",
       c.relforcerowsecurity AS "row security forced",
       CASE c.relreplident
           WHEN 'd' THEN 'primary key'
           WHEN 'n' THEN 'nothing'
           WHEN 'f' THEN 'all columns'
           ELSE coalesce((SELECT 'index ' || quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                          WHERE i.indrelid = c.oid AND i.indisreplident), 'an index that is gone')
       END AS "replica identity",
       ARRAY(SELECT unnest(c.reloptions) UNION ALL SELECT 'toast.' || unnest(t.reloptions) ORDER BY 1) AS options,
       ARRAY(SELECT format('%I.%I', pn.nspname, p.relname)
             FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
             WHERE h.inhrelid = c.oid AND NOT c.relispartition ORDER BY h.inhseqno) AS inherits,
       (SELECT format('%I.%I', pn.nspname, p.relname)
        FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
        WHERE h.inhrelid = c.oid AND c.relispartition) AS "partition of",
       (SELECT nullif(h.inhdetachpending, false) FROM pg_inherits h WHERE h.inhrelid = c.oid AND c.relispartition) AS "detach pending", -- since 14
       CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END AS "partition bound",
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS "partition key",
       (SELECT quote_ident(v.srvname) FROM pg_foreign_table f JOIN pg_foreign_server v ON v.oid = f.ftserver
        WHERE f.ftrelid = c.oid) AS server,
       ARRAY(SELECT CASE WHEN split_part(o, '=', 1) ~* 'pass|secret|token|credential|private|_key'
                         THEN split_part(o, '=', 1) || '=(not shown)' ELSE o END
             FROM pg_foreign_table f CROSS JOIN unnest(f.ftoptions) AS o
             WHERE f.ftrelid = c.oid ORDER BY 1) AS "foreign options"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am m ON m.oid = c.relam
LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
WHERE c.relkind IN ('r', 'p', 'f') AND c.oid >= 16384 AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast'
  --only AND c.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

-- The order of the columns is a fact of its own: a column dropped and added again comes last.
SELECT 'column order' AS kind,
       --of pg_class rpf: c.oid AS watched_oid,
       format('%I.%I', n.nspname, c.relname) AS name, n.nspname AS schema,
       format('%s %I.%I', CASE c.relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END, n.nspname, c.relname) AS parent,
       ARRAY(SELECT a.attname FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND c.oid >= 16384 AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast'
  --only AND c.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');
