-- What the backend $1 holds on relations now, named and stored as all others still see them: as they were
-- before its transaction. `kind` is null for what its transaction has made, and for what was made after
-- the relation with oid $2, which was the newest when its script began.
SELECT l.relation,
       l.mode,
       c.relkind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       c.relfilenode
  FROM pg_lock_status() l
  LEFT JOIN pg_class c ON c.oid = l.relation AND c.oid <= $2::oid
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE l.pid = $1::int4
   AND l.locktype = 'relation'
   AND l.granted
   AND l.relation >= 16384
