-- Triggers that somebody made, copies in partitions included; those that enforce a foreign key are told with it.
SELECT 'trigger' AS kind,
       --of pg_trigger: t.oid AS watched_oid,
       format('%I on %I.%I', t.tgname, n.nspname, c.relname) AS name, n.nspname AS schema,
       format('%s %I.%I', CASE c.relkind WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view' ELSE 'table' END,
              n.nspname, c.relname) AS parent,
       pg_get_triggerdef(t.oid) AS definition,
       CASE t.tgenabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled,
       t.tgparentid <> 0 AS inherited
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (NOT t.tgisinternal OR t.tgparentid <> 0)
  --only AND t.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.oid = t.tgconstraint AND o.contype <> 't')
  AND c.oid >= 16384 AND c.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

SELECT 'policy' AS kind,
       --of pg_policy: p.oid AS watched_oid,
       format('%I on %I.%I', p.polname, n.nspname, c.relname) AS name, n.nspname AS schema,
       format('table %I.%I', n.nspname, c.relname) AS parent,
       p.polpermissive AS permissive,
       CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END AS command,
       ARRAY(SELECT CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END
             FROM unnest(p.polroles) AS r ORDER BY 1) AS roles,
       pg_get_expr(p.polqual, p.polrelid) AS "using",
       pg_get_expr(p.polwithcheck, p.polrelid) AS "with check"
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relpersistence <> 't'
  --only AND p.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');
