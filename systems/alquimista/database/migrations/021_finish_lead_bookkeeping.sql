-- What earlier migrations left open: a sequence that nobody owned, a channel without a default, and the
-- switch for the board that comes next. Adds one row to a table that has rows, and changes definitions.
BEGIN;

-- The number is the lead's own: who drops the column means the sequence, too.
ALTER SEQUENCE nigredo_leads.lead_reference_seq OWNED BY nigredo_leads.leads.reference_no;

ALTER TABLE nigredo_leads.interactions ALTER COLUMN channel SET DEFAULT 'email';
ALTER TABLE nigredo_leads.leads ALTER COLUMN source SET DEFAULT 'webhook';
COMMENT ON TABLE nigredo_leads.interactions IS
    'One message, call or visit, inbound (i) or outbound (o); by e-mail unless somebody says otherwise.';

INSERT INTO alquimista_platform.feature_flags (key, description, is_on, rollout)
VALUES ('routing-board', 'Sellers see who should be called next', true, 10);

INSERT INTO public.migrations (migration_name, description)
VALUES ('021_finish_lead_bookkeeping.sql', 'owner of the lead numbers, two defaults, a feature flag');

COMMIT;
