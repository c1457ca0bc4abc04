-- E-mail addresses in lower case without blanks, telephone numbers as digits after an optional plus.
-- There is no way back: many spellings become one, and which it was is written nowhere else.
-- To undo it, restore the backup that was taken before.
BEGIN;

SET LOCAL alquimista.keep_updated_at = 'on';

UPDATE nigredo_leads.leads AS lead
   SET email = tidy.email,
       phone = tidy.phone
  FROM (SELECT id,
               nullif(lower(btrim(email)), '')                                         AS email,
               nullif(regexp_replace(btrim(phone), '(?!^)\+|[^0-9+]', '', 'g'), '')    AS phone
          FROM nigredo_leads.leads) AS tidy
 WHERE lead.id = tidy.id
   AND (lead.email, lead.phone) IS DISTINCT FROM (tidy.email, tidy.phone);

INSERT INTO public.migrations (migration_name, description)
VALUES ('016_normalise_contacts.sql', 'e-mail and telephone of leads in one spelling; not reversible');

COMMIT;
