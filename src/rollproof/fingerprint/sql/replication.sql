-- Publications with what they publish, and subscriptions without the way to their publisher, which holds a password.
SELECT 'publication' AS kind, quote_ident(p.pubname) AS name, NULL AS schema, NULL AS parent,
       pg_get_userbyid(p.pubowner) AS owner,
       p.puballtables AS "all tables",
       p.pubinsert AS insert,
       p.pubupdate AS update,
       p.pubdelete AS delete,
       p.pubtruncate AS truncate,
       p.pubgencols::text AS "generated columns", -- since 18
       p.pubviaroot AS "via partition root"
FROM pg_publication p
WHERE NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_publication'::regclass AND e.objid = p.oid AND e.deptype = 'e');

SELECT 'publication table' AS kind,
       format('%I.%I in %I', n.nspname, c.relname, p.pubname) AS name, n.nspname AS schema,
       pg_get_expr(r.prqual, r.prrelid) AS "row filter", -- since 15
       ARRAY(SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs) ORDER BY 1) AS columns, -- since 15
       format('table %I.%I', n.nspname, c.relname) AS parent
FROM pg_publication_rel r
JOIN pg_publication p ON p.oid = r.prpubid
JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace n ON n.oid = c.relnamespace;

SELECT 'publication schema' AS kind, -- since 15
       format('%I in %I', n.nspname, p.pubname) AS name, n.nspname AS schema, NULL AS parent -- since 15
FROM pg_publication_namespace r -- since 15
JOIN pg_publication p ON p.oid = r.pnpubid -- since 15
JOIN pg_namespace n ON n.oid = r.pnnspid; -- since 15

-- In 13 none but a superuser may look at subscriptions, so that there they are left out.
--every look -- since 14
SELECT 'subscription' AS kind, quote_ident(s.subname) AS name, NULL AS schema, NULL AS parent, -- since 14
       pg_get_userbyid(s.subowner) AS owner, -- since 14
       s.subenabled AS enabled, -- since 14
       s.subslotname::text AS slot, -- since 14
       s.subbinary AS "binary", -- since 14
       s.substream::text AS streaming, -- since 14
       s.subtwophasestate::text AS "two phase", -- since 15
       s.subdisableonerr AS "disable on error", -- since 15
       s.subpasswordrequired AS "password required", -- since 16
       s.subrunasowner AS "run as owner", -- since 16
       s.suborigin AS origin, -- since 16
       s.subfailover AS failover, -- since 17
       s.subsynccommit AS "synchronous commit", -- since 14
       ARRAY(SELECT quote_ident(p) FROM unnest(s.subpublications) AS p ORDER BY 1) AS publications -- since 14
FROM pg_subscription s -- since 14
WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()); -- since 14
