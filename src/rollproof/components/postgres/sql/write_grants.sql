-- Every privilege to write on a table or on one of its columns that a role holds by its own grants
-- or by PUBLIC's. Parameters: role, privileges (an array of names).
WITH held AS (
    SELECT c.relnamespace AS namespace, c.relname AS table_name, c.relowner AS owner, NULL::name AS column_name, acl.*
    FROM pg_catalog.pg_class c
    CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) acl
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT c.relnamespace, c.relname, c.relowner, a.attname, acl.*
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) acl
    WHERE a.attnum > 0 AND NOT a.attisdropped
)
SELECT n.nspname, held.table_name, held.column_name, held.privilege_type, held.is_grantable,
       pg_catalog.pg_get_userbyid(held.grantor), held.grantor = held.owner, held.grantee = 0
FROM held
JOIN pg_catalog.pg_namespace n ON n.oid = held.namespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND held.privilege_type = ANY (%(privileges)s)
  AND (held.grantee = 0 OR held.grantee = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(role)s))
ORDER BY 1, 2, 3 NULLS FIRST, 4
