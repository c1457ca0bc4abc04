-- What belongs to the whole server, one row each, but for what drills make: kind, name, what it is. Reads only.
SELECT 'role' AS kind, rolname::text AS name,
       concat_ws(' ', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
                 rolbypassrls, rolconnlimit, rolvaliduntil, rolconfig) AS said
FROM pg_roles
UNION ALL
SELECT 'membership', pg_get_userbyid(roleid) || ' to ' || pg_get_userbyid(member), admin_option::text
FROM pg_auth_members
UNION ALL
SELECT 'database', datname::text, concat_ws(' ', pg_get_userbyid(datdba), datacl, datallowconn, datconnlimit)
FROM pg_database
WHERE datname !~ '^rollproof_' AND datname <> %(database)s
UNION ALL
SELECT 'setting', coalesce(d.datname::text, '*') || ' ' || coalesce(pg_get_userbyid(nullif(s.setrole, 0)), '*'),
       s.setconfig::text
FROM pg_db_role_setting s
LEFT JOIN pg_database d ON d.oid = s.setdatabase
WHERE d.datname IS NULL OR (d.datname !~ '^rollproof_' AND d.datname <> %(database)s)
UNION ALL
SELECT 'tablespace', spcname::text, concat_ws(' ', spcacl, spcoptions)
FROM pg_tablespace
