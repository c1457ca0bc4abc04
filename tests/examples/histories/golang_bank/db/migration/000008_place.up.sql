ALTER TABLE branches ADD COLUMN place geometry(Point, 4326);
