-- A fifth kind of agent: keeps warm the leads that are not ready yet.
BEGIN;

ALTER TYPE fibonacci_core.agent_kind ADD VALUE 'nurturer' AFTER 'qualifier';

INSERT INTO public.migrations (migration_name, description)
VALUES ('012_add_nurturer_agent_kind.sql', 'agent kind nurturer');

COMMIT;
