-- Everything that says what kind of place a server is: kind, name, value, where. Reads only.
SELECT 'cluster_name' AS kind, '' AS name, current_setting('cluster_name') AS value, 'the server' AS "where"
WHERE current_setting('cluster_name') <> ''
UNION ALL
SELECT 'setting', wanted, current_setting(wanted, true), 'the session'
FROM unnest(%(settings)s::text[]) AS wanted
WHERE current_setting(wanted, true) <> ''
UNION ALL
-- of any database and any role of the server, whether or not this session has them
SELECT 'setting', split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1),
       coalesce('database ' || d.datname, 'role ' || r.rolname, 'the server')
FROM pg_db_role_setting s
LEFT JOIN pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_roles r ON r.oid = s.setrole
CROSS JOIN unnest(s.setconfig) AS entry
WHERE split_part(entry, '=', 1) = ANY (%(settings)s::text[])
UNION ALL
SELECT 'comment', datname, shobj_description(oid, 'pg_database'), 'database ' || datname
FROM pg_database
WHERE shobj_description(oid, 'pg_database') IS NOT NULL
