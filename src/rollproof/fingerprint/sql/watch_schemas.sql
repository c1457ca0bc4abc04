-- The name of every schema, to see which of them was renamed.
SELECT n.oid::bigint AS oid, n.nspname::text AS name
FROM pg_namespace n
