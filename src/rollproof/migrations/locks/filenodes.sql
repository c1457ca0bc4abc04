-- Where the relations $1 are stored now; a changed number is a table written anew (or emptied).
SELECT oid, relfilenode FROM pg_class WHERE oid = ANY ($1::oid[])
