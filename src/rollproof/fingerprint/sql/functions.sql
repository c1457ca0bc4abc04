-- Functions, procedures, window functions and aggregates, named with the types that tell overloads apart.
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'w' THEN 'window function' ELSE 'function' END AS kind,
       --of pg_proc: p.oid AS watched_oid,
       format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(p.proowner) AS owner,
       l.lanname AS language,
       pg_get_function_arguments(p.oid) AS arguments,
       pg_get_function_result(p.oid) AS result,
       p.prosrc AS body, -- before 14
       coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) AS body, -- since 14
       p.probin AS library,
       CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
       p.proisstrict AS strict,
       p.prosecdef AS "security definer",
       p.proleakproof AS leakproof,
       CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
       p.procost::text AS cost,
       p.prorows::text AS rows,
       nullif(p.prosupport::text, '-') AS "support function",
       ARRAY(SELECT format_type(t, NULL) FROM unnest(p.protrftypes) AS t) AS transforms,
       ARRAY(SELECT unnest(p.proconfig) ORDER BY 1) AS settings
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid >= 16384 AND p.prokind <> 'a' AND n.nspname !~ '^pg_temp'
  --only AND p.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i'));

SELECT 'aggregate' AS kind,
       --of pg_proc: p.oid AS watched_oid,
       format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS name, n.nspname AS schema, NULL AS parent,
       pg_get_userbyid(p.proowner) AS owner,
       pg_get_function_arguments(p.oid) AS arguments,
       pg_get_function_result(p.oid) AS result,
       CASE a.aggkind WHEN 'o' THEN 'ordered-set' WHEN 'h' THEN 'hypothetical-set' ELSE 'normal' END AS form,
       a.aggnumdirectargs AS "direct arguments",
       a.aggtransfn::regprocedure::text AS "transition function",
       nullif(a.aggfinalfn::regprocedure::text, '-') AS "final function",
       nullif(a.aggcombinefn::regprocedure::text, '-') AS "combine function",
       nullif(a.aggserialfn::regprocedure::text, '-') AS "serial function",
       nullif(a.aggdeserialfn::regprocedure::text, '-') AS "deserial function",
       nullif(a.aggmtransfn::regprocedure::text, '-') AS "moving transition function",
       nullif(a.aggminvtransfn::regprocedure::text, '-') AS "moving inverse function",
       nullif(a.aggmfinalfn::regprocedure::text, '-') AS "moving final function",
       a.aggfinalextra AS "final extra",
       a.aggmfinalextra AS "moving final extra",
       a.aggfinalmodify::text AS "final modify",
       a.aggmfinalmodify::text AS "moving final modify",
       nullif(a.aggsortop::regoperator::text, '0') AS "sort operator",
       format_type(a.aggtranstype, NULL) AS "state type",
       a.aggtransspace AS "state size",
       a.agginitval AS "initial value",
       CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END AS "moving state type",
       a.aggmtransspace AS "moving state size",
       a.aggminitval AS "moving initial value",
       CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel
FROM pg_proc p
JOIN pg_aggregate a ON a.aggfnoid = p.oid
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND n.nspname !~ '^pg_temp'
  --only AND p.oid = ANY ($1)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e');
