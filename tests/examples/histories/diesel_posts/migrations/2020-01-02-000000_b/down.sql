ALTER TABLE posts DROP COLUMN updated_at;
