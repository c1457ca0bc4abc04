-- Comments and security labels. An extension's own members are left out; a comment on the extension is not.
SELECT 'comment' AS kind,
       --of any: d.objoid AS watched_oid,
       format('on %s %s', i.type, i.identity) AS name,
       i.schema AS schema,
       CASE i.type WHEN 'table constraint' THEN 'constraint' WHEN 'domain constraint' THEN 'constraint'
                   ELSE regexp_replace(i.type, '^.* column$', 'column') END || ' ' || i.identity AS parent,
       d.description AS text
FROM pg_description d
CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND d.objoid = to_regnamespace('public'))
  --only AND d.objoid = ANY ($1)
  AND coalesce(i.schema, '') !~ '^pg_(temp|toast)'
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e');

--every look
SELECT 'comment' AS kind, 'on database' AS name, NULL AS schema, 'database current' AS parent, d.description AS text
FROM pg_shdescription d
WHERE d.classoid = 'pg_database'::regclass
  AND d.objoid = (SELECT oid FROM pg_database WHERE datname = current_database());

SELECT 'security label' AS kind,
       format('by %I on %s %s', l.provider, i.type, i.identity) AS name,
       i.schema AS schema,
       i.type || ' ' || i.identity AS parent,
       l.label AS label
FROM pg_seclabel l
CROSS JOIN LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) i
WHERE NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = l.classoid AND e.objid = l.objoid AND e.deptype = 'e');

--every look
SELECT 'security label' AS kind,
       format('by %I on database', l.provider) AS name, NULL AS schema, 'database current' AS parent,
       l.label AS label
FROM pg_shseclabel l
WHERE l.classoid = 'pg_database'::regclass
  AND l.objoid = (SELECT oid FROM pg_database WHERE datname = current_database());
