-- Foreign data wrappers, servers and user mappings. A value whose option's name smells of a secret is not shown;
-- of a user mapping only the user is. A change of such a value is therefore not seen.
SELECT 'foreign data wrapper' AS kind, quote_ident(w.fdwname) AS name, NULL AS schema, NULL AS parent,
       pg_get_userbyid(w.fdwowner) AS owner,
       nullif(w.fdwhandler::regprocedure::text, '-') AS handler,
       nullif(w.fdwvalidator::regprocedure::text, '-') AS validator,
       ARRAY(SELECT CASE WHEN split_part(o, '=', 1) ~* 'pass|secret|token|credential|private|_key'
                         THEN split_part(o, '=', 1) || '=(not shown)' ELSE o END
             FROM unnest(w.fdwoptions) AS o ORDER BY 1) AS options
FROM pg_foreign_data_wrapper w
WHERE w.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_foreign_data_wrapper'::regclass AND e.objid = w.oid AND e.deptype = 'e');

SELECT 'server' AS kind, quote_ident(v.srvname) AS name, NULL AS schema,
       'foreign data wrapper ' || quote_ident(w.fdwname) AS parent,
       pg_get_userbyid(v.srvowner) AS owner,
       quote_ident(w.fdwname) AS wrapper,
       v.srvtype AS type,
       v.srvversion AS version,
       ARRAY(SELECT CASE WHEN split_part(o, '=', 1) ~* 'pass|secret|token|credential|private|_key'
                         THEN split_part(o, '=', 1) || '=(not shown)' ELSE o END
             FROM unnest(v.srvoptions) AS o ORDER BY 1) AS options
FROM pg_foreign_server v
JOIN pg_foreign_data_wrapper w ON w.oid = v.srvfdw
WHERE NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_foreign_server'::regclass AND e.objid = v.oid AND e.deptype = 'e');

-- The view hides options from those who may not see them; so does this query from everybody.
--every look
SELECT 'user mapping' AS kind,
       format('for %s on %I', CASE u.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(u.usename) END, u.srvname) AS name,
       NULL AS schema, 'server ' || quote_ident(u.srvname) AS parent,
       ARRAY(SELECT CASE split_part(o, '=', 1) WHEN 'user' THEN o ELSE split_part(o, '=', 1) || '=(not shown)' END
             FROM unnest(u.umoptions) AS o ORDER BY 1) AS options
FROM pg_user_mappings u;
