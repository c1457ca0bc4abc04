ALTER TABLE branches ADD COLUMN open boolean NOT NULL DEFAULT true;
