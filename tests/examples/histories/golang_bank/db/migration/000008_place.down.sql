ALTER TABLE branches DROP COLUMN place;
