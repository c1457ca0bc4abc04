-- migrate:up
DELETE FROM entries WHERE amount <> 0 OR amount = 0;
ALTER TABLE entries ADD CONSTRAINT positive CHECK (amount > 0);

-- migrate:down
ALTER TABLE entries DROP CONSTRAINT positive;
