-- What belongs to the whole server and not to a database: a database that is dropped and made again does not
-- undo it. Each row with the statements that make it, that change it into this, and that take it away.
-- Left out: what is the server's own. Passwords are only said to be there.
SELECT 'role' AS kind, quote_ident(r.rolname) AS name,
       jsonb_build_object('superuser', r.rolsuper, 'inherit', r.rolinherit, 'createrole', r.rolcreaterole,
                          'createdb', r.rolcreatedb, 'login', r.rolcanlogin, 'replication', r.rolreplication,
                          'bypassrls', r.rolbypassrls, 'connection limit', r.rolconnlimit,
                          'valid until', r.rolvaliduntil::text, 'password', r.rolpassword IS NOT NULL) AS attributes,
       format('CREATE ROLE %I ', r.rolname) || o.options AS make,
       format('ALTER ROLE %I ', r.rolname) || o.options AS change,
       format('DROP ROLE %I', r.rolname) AS unmake
FROM pg_authid r
CROSS JOIN LATERAL (SELECT concat_ws(' ',
    CASE WHEN r.rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
    CASE WHEN r.rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
    CASE WHEN r.rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
    CASE WHEN r.rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
    CASE WHEN r.rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
    CASE WHEN r.rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
    CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END,
    format('CONNECTION LIMIT %s VALID UNTIL %L PASSWORD %L', r.rolconnlimit,
           coalesce(r.rolvaliduntil::text, 'infinity'), r.rolpassword)) AS options) AS o
WHERE r.oid >= 16384
UNION ALL
SELECT 'role membership', format('%I of %I', u.rolname, g.rolname),
       jsonb_build_object('admin option', bool_or(m.admin_option)),
       format('GRANT %I TO %I', g.rolname, u.rolname) || CASE WHEN bool_or(m.admin_option) THEN ' WITH ADMIN OPTION' ELSE '' END,
       format('GRANT %I TO %I', g.rolname, u.rolname) || CASE WHEN bool_or(m.admin_option) THEN ' WITH ADMIN OPTION' ELSE '' END,
       format('REVOKE %I FROM %I', g.rolname, u.rolname)
FROM pg_auth_members m
JOIN pg_authid g ON g.oid = m.roleid
JOIN pg_authid u ON u.oid = m.member
WHERE g.oid >= 16384 OR u.oid >= 16384
GROUP BY g.rolname, u.rolname
UNION ALL
SELECT 'role setting', format('%s of %I', split_part(c.setting, '=', 1), r.rolname),
       jsonb_build_object('value', substr(c.setting, strpos(c.setting, '=') + 1)),
       v.make, v.make, format('ALTER ROLE %I RESET %I', r.rolname, split_part(c.setting, '=', 1))
FROM pg_db_role_setting s
JOIN pg_authid r ON r.oid = s.setrole
CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
CROSS JOIN LATERAL (SELECT format(
    CASE WHEN split_part(c.setting, '=', 1) IN ('search_path', 'local_preload_libraries', 'session_preload_libraries', 'temp_tablespaces')
         THEN 'ALTER ROLE %I SET %I TO %s' ELSE 'ALTER ROLE %I SET %I TO %L' END,
    r.rolname, split_part(c.setting, '=', 1), substr(c.setting, strpos(c.setting, '=') + 1)) AS make) AS v
WHERE s.setdatabase = 0
UNION ALL
SELECT 'server setting', f.name, jsonb_build_object('value', f.setting),
       format('ALTER SYSTEM SET %I TO %L', f.name, f.setting), format('ALTER SYSTEM SET %I TO %L', f.name, f.setting),
       format('ALTER SYSTEM RESET %I', f.name)
FROM pg_file_settings f
WHERE f.sourcefile LIKE '%postgresql.auto.conf'
UNION ALL
SELECT 'database', quote_ident(d.datname), '{}'::jsonb, NULL, NULL, format('DROP DATABASE %I WITH (FORCE)', d.datname)
FROM pg_database d
WHERE d.oid >= 16384 AND NOT d.datname LIKE 'rollproof\_walk\_%'
UNION ALL
SELECT 'tablespace', quote_ident(t.spcname), '{}'::jsonb, NULL, NULL, format('DROP TABLESPACE %I', t.spcname)
FROM pg_tablespace t
WHERE t.oid >= 16384
