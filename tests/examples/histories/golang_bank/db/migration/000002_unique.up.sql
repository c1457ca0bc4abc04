BEGIN; ALTER TABLE accounts ADD CONSTRAINT owner_currency_key UNIQUE (owner, currency); COMMIT;
