-- The database itself, what is set for it, and what belongs to no schema.
-- Left out: its name, its data template flags and its collation version, which belong to the server it is on.
--every look
SELECT 'database' AS kind, 'current' AS name, NULL AS schema, NULL AS parent,
       pg_get_userbyid(d.datdba) AS owner,
       pg_encoding_to_char(d.encoding) AS encoding,
       d.datcollate AS collate,
       d.datctype AS ctype,
       CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END AS "locale provider", -- since 15
       d.daticulocale AS locale, -- since 15 before 17
       d.datlocale AS locale, -- since 17
       d.daticurules AS "icu rules", -- since 16
       s.spcname AS tablespace,
       d.datconnlimit AS "connection limit"
FROM pg_database d
JOIN pg_tablespace s ON s.oid = d.dattablespace
WHERE d.datname = current_database();

--every look
SELECT 'setting' AS kind,
       split_part(c.setting, '=', 1)
           || CASE WHEN s.setrole <> 0 THEN format(' for role %I', pg_get_userbyid(s.setrole)) ELSE '' END AS name,
       NULL AS schema, 'database current' AS parent,
       substr(c.setting, strpos(c.setting, '=') + 1) AS value
FROM pg_db_role_setting s
CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database());

SELECT 'large objects' AS kind, 'all' AS name, NULL AS schema, NULL AS parent,
       count(*) AS count,
       coalesce(sum(hashtextextended(format('%s %s %s', l.oid, pg_get_userbyid(l.lomowner), l.lomacl), 0)), 0)::text
           AS "digest of oids, owners and grants"
FROM pg_largeobject_metadata l;

-- Roles belong to the whole server: only those that something in this database refers to,
-- and never their passwords.
--every look
SELECT 'role' AS kind, quote_ident(r.rolname) AS name, NULL AS schema, NULL AS parent,
       r.rolsuper AS superuser,
       r.rolinherit AS inherit,
       r.rolcreaterole AS createrole,
       r.rolcreatedb AS createdb,
       r.rolcanlogin AS login,
       r.rolreplication AS replication,
       r.rolbypassrls AS bypassrls,
       r.rolconnlimit AS "connection limit",
       r.rolvaliduntil::text AS "valid until",
       ARRAY(SELECT DISTINCT quote_ident(pg_get_userbyid(m.roleid))
                    || CASE WHEN m.inherit_option <> r.rolinherit THEN format(' with inherit %s', m.inherit_option) ELSE '' END -- since 16
                    || CASE WHEN NOT m.set_option THEN ' with set false' ELSE '' END -- since 16
                    || CASE WHEN m.admin_option THEN ' with admin option' ELSE '' END
             FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1) AS "member of",
       ARRAY(SELECT unnest(s.setconfig) FROM pg_db_role_setting s
             WHERE s.setrole = r.oid AND s.setdatabase = 0 ORDER BY 1) AS settings
FROM pg_roles r
WHERE r.oid >= 16384
  AND EXISTS (SELECT FROM pg_shdepend s
              WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
                AND (s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                     OR s.classid = 'pg_database'::regclass
                        AND s.objid = (SELECT oid FROM pg_database WHERE datname = current_database())));

SELECT 'extension' AS kind, quote_ident(e.extname) AS name, NULL AS schema, NULL AS parent,
       pg_get_userbyid(e.extowner) AS owner,
       e.extversion AS version,
       quote_ident(n.nspname) AS "installed in"
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace;

SELECT DISTINCT 'extension dependency' AS kind,
       format('of %s %s on %I', i.type, i.identity, e.extname) AS name,
       i.schema AS schema,
       i.type || ' ' || i.identity AS parent
FROM pg_depend d
JOIN pg_extension e ON e.oid = d.refobjid
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x';

SELECT 'language' AS kind, quote_ident(l.lanname) AS name, NULL AS schema, NULL AS parent,
       pg_get_userbyid(l.lanowner) AS owner,
       l.lanpltrusted AS trusted,
       l.lanplcallfoid::regprocedure::text AS handler
FROM pg_language l
WHERE l.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_language'::regclass AND e.objid = l.oid AND e.deptype = 'e');

SELECT 'event trigger' AS kind, quote_ident(t.evtname) AS name, NULL AS schema, NULL AS parent,
       pg_get_userbyid(t.evtowner) AS owner,
       t.evtevent::text AS event,
       t.evttags AS tags,
       t.evtfoid::regprocedure::text AS function,
       CASE t.evtenabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled
FROM pg_event_trigger t
WHERE NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_event_trigger'::regclass AND e.objid = t.oid AND e.deptype = 'e');
