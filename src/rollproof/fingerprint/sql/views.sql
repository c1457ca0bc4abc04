-- Views, materialized views, and rules other than the one that makes a view a view.
SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind,
       --of pg_class vm: c.oid AS watched_oid,
       format('%I.%I', n.nspname, c.relname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(c.relowner) AS owner,
       pg_get_viewdef(c.oid) AS definition,
       ARRAY(SELECT unnest(c.reloptions) ORDER BY 1) AS options,
       CASE WHEN c.relkind = 'm' THEN c.relispopulated END AS populated,
       m.amname AS "access method",
       CASE WHEN c.relkind = 'm' THEN coalesce(s.spcname, 'default') END AS tablespace
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am m ON m.oid = c.relam
LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
WHERE c.relkind IN ('v', 'm') AND c.oid >= 16384 AND c.relpersistence <> 't'
  --only AND c.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

SELECT 'rule' AS kind,
       --of pg_rewrite: r.oid AS watched_oid,
       format('%I on %I.%I', r.rulename, n.nspname, c.relname) AS name, n.nspname AS schema,
       format('%s %I.%I', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END,
              n.nspname, c.relname) AS parent,
       pg_get_ruledef(r.oid) AS definition,
       CASE r.ev_enabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.oid >= 16384 AND r.rulename <> '_RETURN' AND c.relpersistence <> 't'
  --only AND r.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');
