-- How busy the server is at this moment, and what the sessions of one database do.
-- Parameters: database, the asking session's own application name.
SELECT count(*) FILTER (WHERE backend_type = 'client backend' AND application_name <> %(own)s) AS used,
       count(*) FILTER (WHERE datname = %(database)s AND wait_event_type = 'Lock') AS waiting,
       count(*) FILTER (WHERE datname = %(database)s AND state = 'active'
                          AND application_name <> %(own)s AND backend_type = 'client backend') AS active,
       current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int AS most
  FROM pg_stat_activity
