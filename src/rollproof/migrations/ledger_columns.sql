-- The ledger table's columns, in order, with what tells in which order its rows were written.
-- No row when there is no such table; a table without columns cannot be a ledger either.
SELECT a.attname AS name,
       format_type(a.atttypid, NULL) AS type,
       a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype) AS stamps,
       a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
           AND (a.attidentity <> ''
                OR EXISTS (SELECT FROM pg_attrdef d
                            WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
                              AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%%')) AS counts,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '' AS required
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s
   AND c.relname = %(table)s
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND a.attnum > 0
   AND NOT a.attisdropped
 ORDER BY a.attnum
