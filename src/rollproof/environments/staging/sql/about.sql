-- What a server says of itself, in one row. Reads only; needs no right but to connect.
SELECT
    (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
    host(inet_server_addr()) AS address,
    inet_server_port() AS port,
    current_database()::text AS database,
    session_user::text AS "user",
    pg_is_in_recovery() AS in_recovery,
    clock_timestamp() AS now,
    current_setting('default_transaction_read_only')::boolean AS read_only,
    current_setting('server_version_num')::int AS version,
    (SELECT array_agg(datname::text ORDER BY datname) FROM pg_database) AS databases,
    (SELECT array_agg(rolname::text ORDER BY rolname) FROM pg_roles) AS roles,
    (SELECT rolcreatedb FROM pg_roles WHERE rolname = session_user) AS createdb,
    (SELECT rolcreaterole FROM pg_roles WHERE rolname = session_user) AS createrole,
    (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS superuser,
    (SELECT pg_has_role(datdba, 'USAGE') OR (datistemplate AND has_database_privilege(oid, 'CONNECT'))
       FROM pg_database WHERE datname = current_database())
    OR EXISTS (
        SELECT FROM pg_roles
        WHERE rolname = 'pg_read_all_data' AND pg_has_role(oid, 'USAGE')
    ) AS copy,
    (SELECT count(*)::int FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend') AS sessions,
    pg_database_size(current_database()) AS bytes
