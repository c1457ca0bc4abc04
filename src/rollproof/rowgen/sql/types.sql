-- The types $1 and all that they are made of.
WITH RECURSIVE needed (oid) AS (
    SELECT unnest($1)::oid
    UNION
    SELECT p.part
    FROM needed n
    JOIN pg_catalog.pg_type t ON t.oid = n.oid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL SELECT t.typelem WHERE t.typcategory = 'A'
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
                  WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
        UNION ALL SELECT (to_jsonb(r) ->> 'rngtypid')::oid FROM pg_catalog.pg_range r WHERE to_jsonb(r) ->> 'rngmultitypid' = t.oid::text
    ) AS p (part)
)
SELECT t.oid::int8, pg_catalog.format_type(t.oid, -1) AS name, t.typname AS bare,
       CASE WHEN t.typcategory = 'A' THEN 'a' ELSE t.typtype::text END AS kind,
       t.typmodin <> 0 AS takes_modifier,
       CASE WHEN t.typtype = 'd' THEN t.typbasetype WHEN t.typcategory = 'A' THEN t.typelem
            ELSE coalesce((SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid),
                          (SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE to_jsonb(r) ->> 'rngmultitypid' = t.oid::text), 0) END::int8 AS of,
       t.typtypmod AS modifier,
       t.typnotnull AS required,
       ARRAY(SELECT pg_catalog.pg_get_expr(o.conbin, 0) FROM pg_catalog.pg_constraint o
             WHERE o.contypid = t.oid AND o.contype = 'c' ORDER BY o.conname) AS checks,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
       (SELECT coalesce(json_agg(json_build_array(a.atttypid::int8, a.atttypmod) ORDER BY a.attnum), '[]')
        FROM pg_catalog.pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS attributes
FROM needed n JOIN pg_catalog.pg_type t ON t.oid = n.oid;
