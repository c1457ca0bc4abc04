-- Takes the platform's own tables away.
BEGIN;

DROP TABLE alquimista_platform.usage_samples;
DROP TABLE alquimista_platform.feature_flags;
DROP TABLE alquimista_platform.api_keys;
DROP TABLE alquimista_platform.users;
DROP TYPE alquimista_platform.user_role;
DROP SCHEMA alquimista_platform;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '006_create_alquimista_platform.sql';

COMMIT;
