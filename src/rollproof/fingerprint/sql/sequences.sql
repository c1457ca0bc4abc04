-- Sequences as they are declared. Where they stand is read apart, as "sequence state".
-- The numbers are texts: they may exceed what JSON can hold.
SELECT 'sequence' AS kind,
       --of pg_class S: c.oid AS watched_oid,
       format('%I.%I', n.nspname, c.relname) AS name, n.nspname AS schema,
       'column ' || o.name AS parent,
       pg_get_userbyid(c.relowner) AS owner,
       CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END AS persistence,
       format_type(s.seqtypid, NULL) AS type,
       s.seqstart::text AS start,
       s.seqincrement::text AS increment,
       s.seqmin::text AS minimum,
       s.seqmax::text AS maximum,
       s.seqcache::text AS cache,
       s.seqcycle AS cycle,
       o.name AS "owned by"
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT format('%I.%I.%I', tn.nspname, t.relname, a.attname) AS name
    FROM pg_depend d
    JOIN pg_class t ON t.oid = d.refobjid
    JOIN pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
      AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')) o ON true
WHERE c.oid >= 16384 AND c.relpersistence <> 't'
  --only AND s.seqrelid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');
