-- Every sequence that the fingerprint lists, with the question where it stands: the value that it hands out next.
SELECT n.nspname AS schema,
       format('SELECT %L, last_value::numeric + CASE WHEN is_called THEN %s ELSE 0 END FROM %I.%I',
              format('%I.%I', n.nspname, c.relname), s.seqincrement, n.nspname, c.relname) AS question
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1, c.relname;
