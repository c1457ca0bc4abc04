-- Scores back from 0-1000 to 0-100. Only while that loses nothing: a score that is no multiple of ten
-- was given after 017, and dividing it would round a judgement away.
BEGIN;

LOCK TABLE nigredo_leads.leads IN SHARE ROW EXCLUSIVE MODE;

DO $$
DECLARE
    finer bigint;
BEGIN
    SELECT count(*) INTO finer FROM nigredo_leads.leads WHERE score % 10 <> 0;
    IF finer > 0 THEN
        RAISE EXCEPTION '% leads have a score that the old scale cannot express', finer
            USING HINT = 'Restore the backup taken before 017, or decide how those scores are rounded.';
    END IF;
END
$$;

SET LOCAL alquimista.keep_updated_at = 'on';

UPDATE nigredo_leads.leads SET score = score / 10 WHERE score IS NOT NULL;

COMMENT ON COLUMN nigredo_leads.leads.score IS 'How promising, 0 to 100; null until an agent has judged it.';

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '017_scale_lead_scores.sql';

COMMIT;
