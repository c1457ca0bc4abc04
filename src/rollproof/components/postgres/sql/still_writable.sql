-- Tables, and views that can be written through, that a role can write to by whatever way: as owner, as
-- superuser, through another role. Parameter: role.
SELECT format('%%I.%%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (c.relkind IN ('r', 'p', 'f')
       -- bits 2, 3 and 4: UPDATE, INSERT, DELETE (CmdType)
       OR c.relkind = 'v' AND pg_catalog.pg_relation_is_updatable(c.oid, true) & 28 <> 0)
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND (pg_catalog.has_table_privilege(%(role)s, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
       OR pg_catalog.has_any_column_privilege(%(role)s, c.oid, 'INSERT, UPDATE'))
ORDER BY 1
