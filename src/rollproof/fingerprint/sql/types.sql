-- Types: enums with their labels in order, domains, composite types, ranges and base types.
-- Arrays and the row types of tables come with what they are made for and are not listed.
SELECT 'enum' AS kind,
       --of pg_type: t.oid AS watched_oid,
       format('%I.%I', n.nspname, t.typname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(t.typowner) AS owner,
       ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND t.oid >= 16384 AND n.nspname !~ '^pg_temp'
  --only AND t.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e');

SELECT 'domain' AS kind,
       --of pg_type: t.oid AS watched_oid,
       format('%I.%I', n.nspname, t.typname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(t.typowner) AS owner,
       format_type(t.typbasetype, t.typtypmod) AS type,
       NOT t.typnotnull AS nullable,
       t.typdefault AS "default",
       CASE WHEN t.typcollation <> 0 AND t.typcollation <> b.typcollation
            THEN (SELECT format('%I.%I', cn.nspname, co.collname)
                  FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
                  WHERE co.oid = t.typcollation) END AS collation
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_type b ON b.oid = t.typbasetype
WHERE t.typtype = 'd' AND t.oid >= 16384 AND n.nspname !~ '^pg_temp'
  --only AND t.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e');

SELECT 'composite type' AS kind,
       --of pg_type: t.oid AS watched_oid,
       format('%I.%I', n.nspname, t.typname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(t.typowner) AS owner,
       ARRAY(SELECT quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                    || CASE WHEN a.attcollation <> 0 AND a.attcollation <> y.typcollation
                            THEN (SELECT format(' COLLATE %I.%I', cn.nspname, co.collname)
                                  FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
                                  WHERE co.oid = a.attcollation)
                            ELSE '' END
             FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
             WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS attributes
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
WHERE t.typtype = 'c' AND t.oid >= 16384 AND n.nspname !~ '^pg_temp'
  --only AND t.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e');

SELECT 'range type' AS kind,
       --of pg_type: t.oid AS watched_oid,
       format('%I.%I', n.nspname, t.typname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(t.typowner) AS owner,
       format_type(r.rngsubtype, NULL) AS subtype,
       format_type(r.rngmultitypid, NULL) AS multirange, -- since 14
       nullif(r.rngcanonical::regprocedure::text, '-') AS canonical,
       nullif(r.rngsubdiff::regprocedure::text, '-') AS "subtype difference",
       (SELECT format('%I.%I', xn.nspname, x.opcname) FROM pg_opclass x JOIN pg_namespace xn ON xn.oid = x.opcnamespace
        WHERE x.oid = r.rngsubopc) AS "operator class",
       (SELECT format('%I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
        WHERE co.oid = r.rngcollation) AS collation
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_range r ON r.rngtypid = t.oid
WHERE t.typtype = 'r' AND t.oid >= 16384 AND n.nspname !~ '^pg_temp'
  --only AND t.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e');

SELECT CASE WHEN t.typisdefined THEN 'base type' ELSE 'shell type' END AS kind,
       --of pg_type: t.oid AS watched_oid,
       format('%I.%I', n.nspname, t.typname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(t.typowner) AS owner,
       t.typlen AS length,
       t.typbyval AS "by value",
       t.typalign::text AS alignment,
       t.typstorage::text AS storage,
       t.typcategory::text AS category,
       t.typispreferred AS preferred,
       t.typdelim::text AS delimiter,
       t.typdefault AS "default",
       t.typcollation <> 0 AS collatable,
       nullif(t.typinput::regprocedure::text, '-') AS input,
       nullif(t.typoutput::regprocedure::text, '-') AS output,
       nullif(t.typreceive::regprocedure::text, '-') AS receive,
       nullif(t.typsend::regprocedure::text, '-') AS send,
       nullif(t.typmodin::regprocedure::text, '-') AS "modifier input",
       nullif(t.typmodout::regprocedure::text, '-') AS "modifier output",
       nullif(t.typanalyze::regprocedure::text, '-') AS analyze,
       nullif(t.typsubscript::regprocedure::text, '-') AS subscript, -- since 14
       CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) END AS element
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype IN ('b', 'p') AND t.oid >= 16384 AND n.nspname !~ '^pg_temp'
  --only AND t.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_type y WHERE y.typarray = t.oid)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype IN ('e', 'i'));
