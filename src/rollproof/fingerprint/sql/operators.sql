-- What few make and a rollback may forget all the same: operators, their classes and families, casts, access methods,
-- collations, conversions and text search.
SELECT 'operator' AS kind,
       format('%I.%s(%s, %s)', n.nspname, o.oprname,
              CASE WHEN o.oprleft = 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END,
              CASE WHEN o.oprright = 0 THEN 'NONE' ELSE format_type(o.oprright, NULL) END) AS name,
       n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(o.oprowner) AS owner,
       format_type(o.oprresult, NULL) AS result,
       o.oprcode::regprocedure::text AS function,
       nullif(o.oprcom::regoperator::text, '0') AS commutator,
       nullif(o.oprnegate::regoperator::text, '0') AS negator,
       nullif(o.oprrest::regproc::text, '-') AS "restriction estimator",
       nullif(o.oprjoin::regproc::text, '-') AS "join estimator",
       o.oprcanmerge AS merges,
       o.oprcanhash AS hashes
FROM pg_operator o
JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE o.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_operator'::regclass AND e.objid = o.oid AND e.deptype = 'e');

SELECT 'operator class' AS kind,
       format('%I.%I USING %I', n.nspname, o.opcname, m.amname) AS name, n.nspname AS schema,
       format('operator family %I.%I USING %I', fn.nspname, f.opfname, m.amname) AS parent,
       pg_get_userbyid(o.opcowner) AS owner,
       format('%I.%I', fn.nspname, f.opfname) AS family,
       format_type(o.opcintype, NULL) AS type,
       o.opcdefault AS "default",
       CASE WHEN o.opckeytype <> 0 THEN format_type(o.opckeytype, NULL) END AS "key type"
FROM pg_opclass o
JOIN pg_namespace n ON n.oid = o.opcnamespace
JOIN pg_am m ON m.oid = o.opcmethod
JOIN pg_opfamily f ON f.oid = o.opcfamily
JOIN pg_namespace fn ON fn.oid = f.opfnamespace
WHERE o.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_opclass'::regclass AND e.objid = o.oid AND e.deptype = 'e');

SELECT 'operator family' AS kind,
       format('%I.%I USING %I', n.nspname, f.opfname, m.amname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(f.opfowner) AS owner,
       ARRAY(SELECT format('%s %s%s', a.amopstrategy, a.amopopr::regoperator,
                           (SELECT format(' FOR ORDER BY %I', s.opfname) FROM pg_opfamily s WHERE s.oid = a.amopsortfamily))
             FROM pg_amop a WHERE a.amopfamily = f.oid ORDER BY 1) AS operators,
       ARRAY(SELECT format('%s (%s, %s) %s', p.amprocnum, format_type(p.amproclefttype, NULL),
                           format_type(p.amprocrighttype, NULL), p.amproc::regprocedure)
             FROM pg_amproc p WHERE p.amprocfamily = f.oid ORDER BY 1) AS functions
FROM pg_opfamily f
JOIN pg_namespace n ON n.oid = f.opfnamespace
JOIN pg_am m ON m.oid = f.opfmethod
WHERE f.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_opfamily'::regclass AND e.objid = f.oid AND e.deptype = 'e');

SELECT 'cast' AS kind,
       format('(%s AS %s)', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)) AS name,
       NULL AS schema, NULL AS parent,
       nullif(c.castfunc::regprocedure::text, '-') AS function,
       CASE c.castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'assignment' ELSE 'explicit' END AS context,
       CASE c.castmethod WHEN 'f' THEN 'function' WHEN 'i' THEN 'inout' ELSE 'binary' END AS method
FROM pg_cast c
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_cast'::regclass AND e.objid = c.oid AND e.deptype IN ('e', 'i'));

SELECT 'transform' AS kind,
       format('for %s language %I', format_type(t.trftype, NULL), l.lanname) AS name, NULL AS schema, NULL AS parent,
       nullif(t.trffromsql::regprocedure::text, '-') AS "from sql",
       nullif(t.trftosql::regprocedure::text, '-') AS "to sql"
FROM pg_transform t
JOIN pg_language l ON l.oid = t.trflang
WHERE NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_transform'::regclass AND e.objid = t.oid AND e.deptype = 'e');

SELECT 'access method' AS kind, quote_ident(m.amname) AS name, NULL AS schema, NULL AS parent,
       m.amhandler::regproc::text AS handler,
       CASE m.amtype WHEN 't' THEN 'table' ELSE 'index' END AS type
FROM pg_am m
WHERE m.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_am'::regclass AND e.objid = m.oid AND e.deptype = 'e');

SELECT 'collation' AS kind,
       format('%I.%I', n.nspname, c.collname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(c.collowner) AS owner,
       CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'default' END AS provider,
       c.collisdeterministic AS deterministic,
       c.collcollate AS collate,
       c.colliculocale AS locale, -- since 15 before 17
       c.colllocale AS locale, -- since 17
       c.collicurules AS rules, -- since 16
       c.collctype AS ctype
FROM pg_collation c
JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_collation'::regclass AND e.objid = c.oid AND e.deptype = 'e');

SELECT 'conversion' AS kind,
       format('%I.%I', n.nspname, c.conname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(c.conowner) AS owner,
       pg_encoding_to_char(c.conforencoding) AS source,
       pg_encoding_to_char(c.contoencoding) AS target,
       c.conproc::regprocedure::text AS function,
       c.condefault AS "default"
FROM pg_conversion c
JOIN pg_namespace n ON n.oid = c.connamespace
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_conversion'::regclass AND e.objid = c.oid AND e.deptype = 'e');

SELECT 'text search configuration' AS kind,
       format('%I.%I', n.nspname, c.cfgname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(c.cfgowner) AS owner,
       (SELECT format('%I.%I', pn.nspname, p.prsname) FROM pg_ts_parser p JOIN pg_namespace pn ON pn.oid = p.prsnamespace
        WHERE p.oid = c.cfgparser) AS parser,
       ARRAY(SELECT (SELECT k.alias FROM ts_token_type(c.cfgparser) k WHERE k.tokid = m.maptokentype) || ': '
                    || string_agg(format('%I.%I', dn.nspname, d.dictname), ', ' ORDER BY m.mapseqno)
             FROM pg_ts_config_map m
             JOIN pg_ts_dict d ON d.oid = m.mapdict
             JOIN pg_namespace dn ON dn.oid = d.dictnamespace
             WHERE m.mapcfg = c.oid GROUP BY m.maptokentype ORDER BY 1) AS mapping
FROM pg_ts_config c
JOIN pg_namespace n ON n.oid = c.cfgnamespace
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_ts_config'::regclass AND e.objid = c.oid AND e.deptype = 'e');

SELECT 'text search dictionary' AS kind,
       format('%I.%I', n.nspname, d.dictname) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(d.dictowner) AS owner,
       (SELECT format('%I.%I', tn.nspname, t.tmplname) FROM pg_ts_template t JOIN pg_namespace tn ON tn.oid = t.tmplnamespace
        WHERE t.oid = d.dicttemplate) AS template,
       d.dictinitoption AS options
FROM pg_ts_dict d
JOIN pg_namespace n ON n.oid = d.dictnamespace
WHERE d.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_ts_dict'::regclass AND e.objid = d.oid AND e.deptype = 'e');

SELECT 'text search parser' AS kind,
       format('%I.%I', n.nspname, p.prsname) AS name, n.nspname AS schema, NULL AS parent,
       p.prsstart::text AS start, p.prstoken::text AS token, p.prsend::text AS "end",
       p.prsheadline::text AS headline, p.prslextype::text AS "token types"
FROM pg_ts_parser p
JOIN pg_namespace n ON n.oid = p.prsnamespace
WHERE p.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_ts_parser'::regclass AND e.objid = p.oid AND e.deptype = 'e');

SELECT 'text search template' AS kind,
       format('%I.%I', n.nspname, t.tmplname) AS name, n.nspname AS schema, NULL AS parent,
       t.tmplinit::text AS init, t.tmpllexize::text AS lexize
FROM pg_ts_template t
JOIN pg_namespace n ON n.oid = t.tmplnamespace
WHERE t.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_ts_template'::regclass AND e.objid = t.oid AND e.deptype = 'e');
