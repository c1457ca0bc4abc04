-- What one backend waits for and who makes it wait, a row for each of the others.
-- No row when it waits for no lock. `waitstart` came with PostgreSQL 14, hence the detour over jsonb.
SELECT w.mode AS wanted,
       w.locktype AS locktype,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS relation,
       coalesce(extract(epoch FROM clock_timestamp() - (to_jsonb(w) ->> 'waitstart')::timestamptz), 0)::float8
           AS waited,
       b.pid AS pid,
       coalesce(a.application_name, '') AS application,
       coalesce(a.usename, '') AS role,
       coalesce(a.state, '') AS state,
       coalesce(extract(epoch FROM clock_timestamp() - a.state_change), 0)::float8 AS state_for,
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 AS transaction_for,
       coalesce((SELECT string_agg(DISTINCT h.mode, ', ' ORDER BY h.mode)
                   FROM pg_locks h
                  WHERE h.pid = b.pid AND h.granted
                    AND h.locktype = w.locktype
                    AND h.database IS NOT DISTINCT FROM w.database
                    AND h.relation IS NOT DISTINCT FROM w.relation
                    AND h.transactionid IS NOT DISTINCT FROM w.transactionid
                    AND h.virtualxid IS NOT DISTINCT FROM w.virtualxid
                    AND h.classid IS NOT DISTINCT FROM w.classid
                    AND h.objid IS NOT DISTINCT FROM w.objid), '') AS held
  FROM pg_locks w
 CROSS JOIN LATERAL (SELECT DISTINCT unnest(pg_blocking_pids(w.pid)) AS pid) b
  LEFT JOIN pg_stat_activity a ON a.pid = b.pid
  LEFT JOIN pg_class c ON c.oid = w.relation
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE w.pid = %(pid)s
   AND NOT w.granted
 ORDER BY b.pid
