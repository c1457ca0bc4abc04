-- Tables that a script with the text $1 may touch: those whose name stands in it, and those that a foreign
-- key ties to one of them, which ALTER TABLE and DROP TABLE lock as well.
WITH named AS (
    SELECT c.oid FROM pg_class c
     WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND c.relpersistence <> 't'
       AND strpos(lower($1::text), lower(c.relname)) > 0
), tied AS (
    SELECT oid, 0 AS distance FROM named
     UNION ALL
    SELECT unnest(ARRAY[o.conrelid, o.confrelid]), 1 FROM pg_constraint o
     WHERE o.contype = 'f' AND (o.conrelid IN (SELECT oid FROM named) OR o.confrelid IN (SELECT oid FROM named))
)
SELECT format('%I.%I', n.nspname, c.relname)
  FROM (SELECT oid, min(distance) AS distance FROM tied GROUP BY oid) t
  JOIN pg_class c ON c.oid = t.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY t.distance, c.oid
