-- What the session that runs this holds on relations: to be run in it right before its COMMIT, as it is.
-- Every name is qualified, for search_path is the session's own affair.
-- `created` tells what this transaction itself has made: the row of the first column (of the row's address,
-- which no ALTER TABLE touches; views have none) is then no older than the transaction is.
-- `relation` is null for what this transaction has dropped; after a rename it is the new name.
SELECT l.relation::pg_catalog.int8 AS oid,
       l.mode AS mode,
       c.relkind::pg_catalog.text AS kind,
       CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('%I.%I', n.nspname, c.relname) END AS relation,
       EXISTS (SELECT FROM pg_catalog.pg_attribute a
                WHERE a.attrelid OPERATOR(pg_catalog.=) l.relation
                  AND a.attnum OPERATOR(pg_catalog.=) CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'v' THEN 1 ELSE -1 END
                  AND pg_catalog.age(a.xmin) OPERATOR(pg_catalog.<=)
                      pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.text::pg_catalog.xid)) AS created
  FROM pg_catalog.pg_lock_status() l
  LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.relation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
   AND l.locktype OPERATOR(pg_catalog.=) 'relation'
   AND l.granted
   AND l.relation OPERATOR(pg_catalog.>=) 16384
   AND pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL
