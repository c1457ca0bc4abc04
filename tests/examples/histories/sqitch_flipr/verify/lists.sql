SELECT 1/0 WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = 'flipr.lists'::regclass);
