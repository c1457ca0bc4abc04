-- What leads out of this database, and goes with every copy of it: foreign servers, extensions that call others.
SELECT 'foreign server' AS kind, s.srvname::text AS name,
       coalesce((
           SELECT string_agg(o.option_value, ' ' ORDER BY o.option_name)
           FROM pg_options_to_table(s.srvoptions) AS o
           WHERE o.option_name IN ('host', 'hostaddr', 'dbname', 'service', 'dbserver', 'servername')
       ), '') AS value,
       w.fdwname::text AS "where"
FROM pg_foreign_server s
JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
WHERE w.fdwname <> 'file_fdw'
UNION ALL
SELECT 'extension', extname::text, extversion::text, 'the database'
FROM pg_extension
WHERE extname = ANY (ARRAY['aws_lambda', 'dblink', 'http', 'pg_net'])
ORDER BY 1, 2
