-- One row when this very session holds the lock.
SELECT 1
FROM pg_locks l
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.pid = pg_backend_pid()
  AND l.classid = (%(space)s::bigint & 4294967295)::oid
  AND l.objid = (%(key)s::bigint & 4294967295)::oid
