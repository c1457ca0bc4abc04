-- What one backend is doing; no row when it is gone.
SELECT coalesce(state, '') AS state,
       coalesce(wait_event_type, '') AS wait_type,
       coalesce(wait_event, '') AS wait_event,
       coalesce(query, '') AS query,
       coalesce(extract(epoch FROM clock_timestamp() - query_start), 0)::float8 AS running_for
  FROM pg_stat_activity
 WHERE pid = %(pid)s
