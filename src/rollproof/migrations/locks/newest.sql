-- The newest relation; whatever has a greater oid later on is new. An oid below 16384 is the server's own.
SELECT coalesce(max(oid), 16384::oid) FROM pg_class
