-- Who may do what. A missing access list means its default (acldefault), so that nobody having touched the grants
-- and somebody having set them back are the same. "its owner" stands for the owner: a new owner is one difference.
-- The attribute of each privilege: granted, or with grant option, and by whom when it was not the owner.
WITH object (oid, kind, name, schema, owner, usual, acl) AS (
    SELECT c.oid, CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                                 WHEN 'f' THEN 'foreign table' ELSE 'table' END,
           format('%I.%I', n.nspname, c.relname), n.nspname, c.relowner,
           acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner), c.relacl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.oid >= 16384 AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast'
      --only AND c.oid = ANY ($1)
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION ALL
    SELECT c.oid, 'column', format('%I.%I.%I', n.nspname, c.relname, a.attname), n.nspname, c.relowner, NULL, a.attacl
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND c.oid >= 16384 AND c.relpersistence <> 't'
      --only AND a.attrelid = ANY ($1)
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
),
entry AS (
    SELECT o.oid, o.kind, o.name, o.schema, x.grantee, o.owner, x.privilege_type, x.grantor, x.is_grantable
    FROM object o CROSS JOIN LATERAL aclexplode(coalesce(o.acl, o.usual)) x
),
privilege AS (
    SELECT oid, kind, name, schema, grantee, owner, privilege_type,
           CASE WHEN bool_or(is_grantable) AND grantee <> owner THEN 'with grant option' ELSE 'granted' END
               || coalesce(' by ' || string_agg(quote_ident(pg_get_userbyid(grantor))
                                                || CASE WHEN is_grantable THEN ' with grant option' ELSE '' END, ', '
                                                ORDER BY pg_get_userbyid(grantor)) FILTER (WHERE grantor <> owner), '') AS how
    FROM entry
    GROUP BY oid, kind, name, schema, grantee, owner, privilege_type
)
SELECT 'grant' AS kind,
       --of pg_class rpvmfS: oid AS watched_oid,
       format('on %s %s to %s', kind, name,
              CASE grantee WHEN 0 THEN 'PUBLIC' WHEN owner THEN 'its owner' ELSE quote_ident(pg_get_userbyid(grantee)) END) AS name,
       schema, kind || ' ' || name AS parent,
       jsonb_object_agg(privilege_type, how) AS attributes
FROM privilege
GROUP BY oid, kind, name, schema, grantee, owner;

-- The same of what is no relation.
WITH object (oid, kind, name, schema, owner, usual, acl) AS (
    SELECT p.oid, CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'w' THEN 'window function' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
           format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)), n.nspname, p.proowner,
           acldefault('f', p.proowner), p.proacl
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid >= 16384 AND n.nspname !~ '^pg_temp'
      --only AND p.oid = ANY ($1)
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i'))
    UNION ALL
    SELECT t.oid, CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite type' WHEN 'r' THEN 'range type'
                                 ELSE 'base type' END,
           format('%I.%I', n.nspname, t.typname), n.nspname, t.typowner, acldefault('T', t.typowner), t.typacl
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typtype IN ('e', 'd', 'c', 'r', 'b') AND t.oid >= 16384 AND n.nspname !~ '^pg_(temp|toast)'
      --only AND t.oid = ANY ($1)
      AND (t.typtype <> 'c' OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM pg_type y WHERE y.typarray = t.oid)
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype IN ('e', 'i'))
    UNION ALL
    SELECT n.oid, 'schema', quote_ident(n.nspname), n.nspname, n.nspowner, acldefault('n', n.nspowner), n.nspacl
    FROM pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      --only AND n.oid = ANY ($1)
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')
    UNION ALL
    SELECT w.oid, 'foreign data wrapper', quote_ident(w.fdwname), NULL, w.fdwowner, acldefault('F', w.fdwowner), w.fdwacl
    FROM pg_foreign_data_wrapper w
    WHERE NOT EXISTS (SELECT FROM pg_depend e
                      WHERE e.classid = 'pg_foreign_data_wrapper'::regclass AND e.objid = w.oid AND e.deptype = 'e')
      --only AND w.oid = ANY ($1)
    UNION ALL
    SELECT v.oid, 'server', quote_ident(v.srvname), NULL, v.srvowner, acldefault('S', v.srvowner), v.srvacl
    FROM pg_foreign_server v
    WHERE NOT EXISTS (SELECT FROM pg_depend e
                      WHERE e.classid = 'pg_foreign_server'::regclass AND e.objid = v.oid AND e.deptype = 'e')
      --only AND v.oid = ANY ($1)
),
entry AS (
    SELECT o.oid, o.kind, o.name, o.schema, x.grantee, o.owner, x.privilege_type, x.grantor, x.is_grantable
    FROM object o CROSS JOIN LATERAL aclexplode(coalesce(o.acl, o.usual)) x
),
privilege AS (
    SELECT oid, kind, name, schema, grantee, owner, privilege_type,
           CASE WHEN bool_or(is_grantable) AND grantee <> owner THEN 'with grant option' ELSE 'granted' END
               || coalesce(' by ' || string_agg(quote_ident(pg_get_userbyid(grantor))
                                                || CASE WHEN is_grantable THEN ' with grant option' ELSE '' END, ', '
                                                ORDER BY pg_get_userbyid(grantor)) FILTER (WHERE grantor <> owner), '') AS how
    FROM entry
    GROUP BY oid, kind, name, schema, grantee, owner, privilege_type
)
SELECT 'grant' AS kind,
       --of granted: oid AS watched_oid,
       format('on %s %s to %s', kind, name,
              CASE grantee WHEN 0 THEN 'PUBLIC' WHEN owner THEN 'its owner' ELSE quote_ident(pg_get_userbyid(grantee)) END) AS name,
       schema, kind || ' ' || name AS parent,
       jsonb_object_agg(privilege_type, how) AS attributes
FROM privilege
GROUP BY oid, kind, name, schema, grantee, owner;

-- The database's own grants: neither a clone nor a dump without --create carries them along.
--every look
SELECT 'grant' AS kind,
       'on database to ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN d.datdba THEN 'its owner' ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS name,
       NULL AS schema, 'database current' AS parent,
       jsonb_object_agg(x.privilege_type,
                        CASE WHEN x.is_grantable AND x.grantee <> d.datdba THEN 'with grant option' ELSE 'granted' END
                        || CASE WHEN x.grantor <> d.datdba THEN ' by ' || quote_ident(pg_get_userbyid(x.grantor)) ELSE '' END
       ) AS attributes
FROM pg_database d
CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
WHERE d.datname = current_database()
GROUP BY x.grantee, d.datdba;

-- Grants on what belongs to the server or to an extension: only what is other than it was made
-- (pg_init_privs, or else acldefault), as anything else there is none of the user's doing. What was taken away
-- from the way it was made says "revoked".
WITH object (kind, name, schema, owner, usual, acl) AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END,
           format('%I.%I', n.nspname, c.relname), n.nspname, c.relowner,
           coalesce(i.initprivs, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner)), c.relacl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_init_privs i ON i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_(temp|toast)'
      AND c.relacl IS DISTINCT FROM i.initprivs
      AND (c.oid < 16384 OR EXISTS (SELECT FROM pg_depend e
                                    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'))
    UNION ALL
    SELECT 'column', format('%I.%I.%I', n.nspname, c.relname, a.attname), n.nspname, c.relowner,
           i.initprivs, a.attacl
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_init_privs i ON i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = a.attnum
    WHERE a.attacl IS DISTINCT FROM i.initprivs AND NOT a.attisdropped AND n.nspname !~ '^pg_(temp|toast)'
      AND (c.oid < 16384 OR EXISTS (SELECT FROM pg_depend e
                                    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'))
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'w' THEN 'window function' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
           format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)), n.nspname, p.proowner,
           coalesce(i.initprivs, acldefault('f', p.proowner)), p.proacl
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    LEFT JOIN pg_init_privs i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid
    WHERE p.proacl IS DISTINCT FROM i.initprivs
      AND (p.oid < 16384 OR EXISTS (SELECT FROM pg_depend e
                                    WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'))
    UNION ALL
    SELECT 'type', format('%I.%I', n.nspname, t.typname), n.nspname, t.typowner,
           coalesce(i.initprivs, acldefault('T', t.typowner)), t.typacl
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_init_privs i ON i.classoid = 'pg_type'::regclass AND i.objoid = t.oid
    WHERE t.typacl IS DISTINCT FROM i.initprivs
      AND (t.oid < 16384 OR EXISTS (SELECT FROM pg_depend e
                                    WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e'))
    UNION ALL
    SELECT 'schema', quote_ident(n.nspname), n.nspname, n.nspowner,
           coalesce(i.initprivs, acldefault('n', n.nspowner)), n.nspacl
    FROM pg_namespace n
    LEFT JOIN pg_init_privs i ON i.classoid = 'pg_namespace'::regclass AND i.objoid = n.oid
    WHERE n.nspacl IS DISTINCT FROM i.initprivs AND n.nspname !~ '^pg_(temp|toast)'
      AND (n.nspname IN ('pg_catalog', 'information_schema')
           OR EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e'))
    UNION ALL
    SELECT 'language', quote_ident(l.lanname), NULL, l.lanowner,
           coalesce(i.initprivs, acldefault('l', l.lanowner)), l.lanacl
    FROM pg_language l
    LEFT JOIN pg_init_privs i ON i.classoid = 'pg_language'::regclass AND i.objoid = l.oid
    WHERE l.lanacl IS DISTINCT FROM i.initprivs
),
entry AS (
    SELECT o.kind, o.name, o.schema, o.owner, x.grantee, x.privilege_type,
           CASE WHEN x.is_grantable THEN 'with grant option' ELSE 'granted' END AS how
    FROM object o CROSS JOIN LATERAL aclexplode(coalesce(o.acl, o.usual)) x
    WHERE NOT EXISTS (SELECT FROM aclexplode(o.usual) u
                      WHERE u.grantee = x.grantee AND u.privilege_type = x.privilege_type AND u.is_grantable = x.is_grantable)
      -- pg_init_privs does not know that everybody may read the information schema
      AND NOT (o.schema = 'information_schema' AND x.grantee = 0 AND x.privilege_type IN ('SELECT', 'USAGE') AND NOT x.is_grantable)
    UNION ALL
    SELECT o.kind, o.name, o.schema, o.owner, u.grantee, u.privilege_type, 'revoked'
    FROM object o CROSS JOIN LATERAL aclexplode(o.usual) u
    WHERE NOT EXISTS (SELECT FROM aclexplode(coalesce(o.acl, o.usual)) x
                      WHERE x.grantee = u.grantee AND x.privilege_type = u.privilege_type)
)
SELECT 'grant' AS kind,
       format('on %s %s to %s', kind, name,
              CASE grantee WHEN 0 THEN 'PUBLIC' WHEN owner THEN 'its owner' ELSE quote_ident(pg_get_userbyid(grantee)) END) AS name,
       schema, NULL AS parent,
       jsonb_object_agg(privilege_type, how) AS attributes
FROM entry
GROUP BY kind, name, schema, grantee, owner;

-- Default privileges: those for all schemas replace the built-in ones, so only what is other than those is listed;
-- what the built-in ones give and these do not says "revoked".
WITH entry AS (
    SELECT d.defaclrole AS role, n.nspname AS schema, d.defaclobjtype AS type, d.defaclacl AS acl,
           CASE WHEN d.defaclnamespace = 0
                THEN acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's'::"char" ELSE d.defaclobjtype END, d.defaclrole)
                END AS usual
    FROM pg_default_acl d
    LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
),
privilege AS (
    SELECT e.role, e.schema, e.type, x.grantee, x.privilege_type,
           CASE WHEN x.is_grantable THEN 'with grant option' ELSE 'granted' END AS how
    FROM entry e CROSS JOIN LATERAL aclexplode(e.acl) x
    WHERE NOT EXISTS (SELECT FROM aclexplode(e.usual) u
                      WHERE u.grantee = x.grantee AND u.privilege_type = x.privilege_type AND u.is_grantable = x.is_grantable)
    UNION ALL
    SELECT e.role, e.schema, e.type, u.grantee, u.privilege_type, 'revoked'
    FROM entry e CROSS JOIN LATERAL aclexplode(e.usual) u
    WHERE NOT EXISTS (SELECT FROM aclexplode(e.acl) x
                      WHERE x.grantee = u.grantee AND x.privilege_type = u.privilege_type)
)
SELECT 'default privilege' AS kind,
       format('for role %I%s on %s to %s', pg_get_userbyid(role), CASE WHEN schema IS NULL THEN '' ELSE format(' in schema %I', schema) END,
              CASE type WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
                        WHEN 'n' THEN 'schemas' ELSE 'large objects' END,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) AS name,
       schema, NULL AS parent,
       jsonb_object_agg(privilege_type, how) AS attributes
FROM privilege
GROUP BY role, schema, type, grantee;
