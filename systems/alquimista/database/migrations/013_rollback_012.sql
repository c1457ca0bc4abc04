-- Postgres cannot take a value out of an enum, so the type is made anew without it.
BEGIN;

LOCK TABLE fibonacci_core.agents IN ACCESS EXCLUSIVE MODE;

DO $$
BEGIN
    IF EXISTS (SELECT FROM fibonacci_core.agents WHERE kind = 'nurturer') THEN
        RAISE EXCEPTION 'agents of kind nurturer exist'
            USING HINT = 'Give them another kind first; this script does not choose one for them.';
    END IF;
END
$$;

ALTER TYPE fibonacci_core.agent_kind RENAME TO agent_kind_with_nurturer;
CREATE TYPE fibonacci_core.agent_kind AS ENUM ('prospector', 'qualifier', 'scheduler', 'closer');
COMMENT ON TYPE fibonacci_core.agent_kind IS 'What an agent does with a lead.';

ALTER TABLE fibonacci_core.agents ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE fibonacci_core.agents
    ALTER COLUMN kind TYPE fibonacci_core.agent_kind USING kind::text::fibonacci_core.agent_kind;
ALTER TABLE fibonacci_core.agents ALTER COLUMN kind SET DEFAULT 'prospector';
DROP TYPE fibonacci_core.agent_kind_with_nurturer;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '012_add_nurturer_agent_kind.sql';

COMMIT;
