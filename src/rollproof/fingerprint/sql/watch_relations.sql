-- What the incremental fingerprint keeps of each relation that is not the server's own.
SELECT c.oid::bigint AS oid, format('%I.%I', n.nspname, c.relname) AS name,
       c.relnamespace::bigint AS namespace, c.relkind::text AS kind, c.relpersistence::text AS persistence,
       c.relfilenode::bigint AS storage
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384
