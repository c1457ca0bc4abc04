-- Everything whose description may print something of the given objects, with these: $1 are their catalogs, $2 their oids.
-- Dependents to any depth (pg_depend), and upward from what is only told with another object: the index of a constraint,
-- the rule of a view, the trigger of a foreign key, a table's toast table. In the catalogs nothing else prints the name
-- of an object: who prints it depends on it. Members of an extension are marked by the catalog pg_extension.
WITH RECURSIVE reached (classid, objid) AS (
    SELECT s.classid::oid, s.objid FROM unnest($1::regclass[], $2::oid[]) AS s (classid, objid)
    UNION
    SELECT n.classid, n.objid
    FROM reached r
    CROSS JOIN LATERAL (
        SELECT d.classid, d.objid FROM pg_depend d WHERE d.refclassid = r.classid AND d.refobjid = r.objid
        UNION ALL
        SELECT d.refclassid, d.refobjid FROM pg_depend d
        WHERE d.classid = r.classid AND d.objid = r.objid
          AND (d.deptype = 'i' OR d.classid = 'pg_attrdef'::regclass AND d.deptype = 'a' OR d.refclassid = 'pg_extension'::regclass)
    ) n
    WHERE r.classid <> 'pg_extension'::regclass
)
-- The row types and arrays of what is listed itself, and the triggers that enforce foreign keys, are told nowhere.
SELECT CASE WHEN r.classid = 'pg_trigger'::regclass
                 AND (SELECT g.tgisinternal AND g.tgparentid = 0 FROM pg_trigger g WHERE g.oid = r.objid)
                 OR r.classid = 'pg_type'::regclass
                 AND (SELECT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c')
                             OR EXISTS (SELECT FROM pg_type y WHERE y.oid = t.typelem AND y.typarray = t.oid)
                      FROM pg_type t WHERE t.oid = r.objid)
            THEN 'untold' ELSE r.classid::regclass::text END AS catalog,
       array_agg(r.objid::bigint) AS oids
FROM reached r
GROUP BY 1
