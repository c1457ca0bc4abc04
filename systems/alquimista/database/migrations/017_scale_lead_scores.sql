-- Scores from 0-100 to 0-1000: the new model tells apart what rounding made equal.
-- Times ten loses nothing, so 018_revert_017.sql can put the old scale back.
BEGIN;

SET LOCAL alquimista.keep_updated_at = 'on';

UPDATE nigredo_leads.leads SET score = score * 10 WHERE score IS NOT NULL;

COMMENT ON COLUMN nigredo_leads.leads.score IS 'How promising, 0 to 1000; null until an agent has judged it.';

INSERT INTO public.migrations (migration_name, description)
VALUES ('017_scale_lead_scores.sql', 'lead scores from 0-100 to 0-1000');

COMMIT;
