-- Constraints of tables and domains. The index behind a primary key, unique or exclusion constraint bears the
-- constraint's name and is told here. Left out, as the parent's definition brings them along: the copies of a
-- foreign key in partitions, and constraint triggers, which are listed as triggers.
SELECT 'constraint' AS kind,
       --of pg_constraint owned: o.oid AS watched_oid,
       format('%I on %I.%I', o.conname, n.nspname, c.relname) AS name, n.nspname AS schema,
       format('%s %I.%I', CASE c.relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END, n.nspname, c.relname) AS parent,
       CASE o.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique'
                      WHEN 'x' THEN 'exclusion' WHEN 'n' THEN 'not null' END AS type,
       regexp_replace(pg_get_constraintdef(o.oid),
                      '( NOT DEFERRABLE| DEFERRABLE)?( INITIALLY DEFERRED)?( NOT ENFORCED| ENFORCED)?( NOT VALID)?$', '') AS definition,
       o.condeferrable AS deferrable,
       o.condeferred AS "initially deferred",
       o.convalidated AS validated,
       o.conenforced AS enforced, -- since 18
       CASE WHEN o.coninhcount = 0 THEN 'no' WHEN o.conislocal THEN 'and local' ELSE 'yes' END AS inherited,
       ARRAY(SELECT format('%s on %s: %s', f.proname, g.tgrelid::regclass,
                           CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END)
             FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
             WHERE g.tgconstraint = o.oid AND g.tgenabled <> 'O' AND o.contype <> 't' ORDER BY 1) AS "triggers not enabled",
       i.indisvalid AS "index valid",
       i.indisclustered AS clustered,
       CASE WHEN i.indexrelid IS NOT NULL THEN coalesce(s.spcname, 'default') END AS tablespace,
       x.reloptions AS options
FROM pg_constraint o
JOIN pg_class c ON c.oid = o.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = o.conindid AND o.contype IN ('p', 'u', 'x')
LEFT JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast' AND o.contype <> 't'
  --only AND o.oid = ANY ($1)
  AND NOT (o.contype = 'f' AND o.conparentid <> 0)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e');

SELECT 'constraint' AS kind,
       --of pg_constraint free: o.oid AS watched_oid,
       format('%I on domain %I.%I', o.conname, n.nspname, t.typname) AS name, n.nspname AS schema,
       format('domain %I.%I', n.nspname, t.typname) AS parent,
       CASE o.contype WHEN 'n' THEN 'not null' ELSE 'check' END AS type,
       regexp_replace(pg_get_constraintdef(o.oid), '( NOT VALID)?$', '') AS definition,
       o.convalidated AS validated
FROM pg_constraint o
JOIN pg_type t ON t.oid = o.contypid
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid >= 16384
  --only AND o.oid = ANY ($1)
  AND n.nspname !~ '^pg_temp'
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e');
