BEGIN;

SELECT 1/COUNT(*)
  FROM pg_catalog.pg_proc
 WHERE proname = 'insert_user'
   AND pg_get_functiondef(oid) LIKE '%md5%';

ROLLBACK;
