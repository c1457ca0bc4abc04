-- What the first generation of agents needed: spreadsheets as a source, prompts as plain text.
-- Their rows and values are gone with it; only a backup has them.
BEGIN;

DROP TABLE nigredo_leads.campaign_imports;

ALTER TABLE fibonacci_core.agents DROP COLUMN legacy_prompt;

INSERT INTO public.migrations (migration_name, description)
VALUES ('019_drop_first_generation.sql', 'no more campaign imports, no more legacy prompts');

COMMIT;
