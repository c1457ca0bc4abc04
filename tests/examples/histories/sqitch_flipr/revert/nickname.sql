ALTER TABLE flipr.users RENAME COLUMN nickname TO handle;
