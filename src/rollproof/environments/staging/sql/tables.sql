-- Tables that mark a place, with the name of their first column.
SELECT n.nspname::text, a.attname::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1 AND NOT a.attisdropped
WHERE c.relname = %(table)s AND c.relkind IN ('r', 'p', 'v', 'm')
ORDER BY 1
