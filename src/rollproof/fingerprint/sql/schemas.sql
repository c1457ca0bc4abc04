-- Schemas that are not the server's own. The names pg_* are reserved for it.
SELECT 'schema' AS kind,
       --of pg_namespace: n.oid AS watched_oid,
       quote_ident(n.nspname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(n.nspowner) AS owner
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  --only AND n.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e');
