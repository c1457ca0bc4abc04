-- Statements that give another database what this one has of its own: CREATE DATABASE … TEMPLATE copies what is
-- in it, and not its owner, its settings, its grants, its comment and its limits.
-- {name} stands for the other database's name.
SELECT format('ALTER DATABASE {name} OWNER TO %I', pg_get_userbyid(d.datdba))
FROM pg_database d WHERE d.datname = current_database()
UNION ALL
SELECT format('ALTER DATABASE {name} CONNECTION LIMIT %s', d.datconnlimit)
FROM pg_database d WHERE d.datname = current_database() AND d.datconnlimit <> -1
UNION ALL
SELECT format('COMMENT ON DATABASE {name} IS %L', shobj_description(d.oid, 'pg_database'))
FROM pg_database d WHERE d.datname = current_database() AND shobj_description(d.oid, 'pg_database') IS NOT NULL
UNION ALL
SELECT format('REVOKE ALL ON DATABASE {name} FROM PUBLIC, %I', pg_get_userbyid(d.datdba))
FROM pg_database d WHERE d.datname = current_database() AND d.datacl IS NOT NULL
UNION ALL
SELECT format('GRANT %s ON DATABASE {name} TO %s%s', a.privilege_type,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) a WHERE d.datname = current_database()
UNION ALL
SELECT format(
    CASE WHEN split_part(c.setting, '=', 1) IN ('search_path', 'local_preload_libraries', 'session_preload_libraries', 'temp_tablespaces')
         THEN 'ALTER %s SET %I TO %s' ELSE 'ALTER %s SET %I TO %L' END,
    CASE WHEN s.setrole = 0 THEN 'DATABASE {name}' ELSE format('ROLE %I IN DATABASE {name}', pg_get_userbyid(s.setrole)) END,
    split_part(c.setting, '=', 1), substr(c.setting, strpos(c.setting, '=') + 1))
FROM pg_db_role_setting s
CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
