-- Every role of the server that is not PostgreSQL's own, with what it may do and what it belongs to.
SELECT r.rolname,
       row(r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
           r.rolconnlimit, r.rolbypassrls, r.rolconfig,
           array(SELECT pg_catalog.pg_get_userbyid(m.roleid)
                 FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid ORDER BY 1))::text
FROM pg_catalog.pg_roles r
WHERE r.rolname !~ '^pg_'
ORDER BY 1
