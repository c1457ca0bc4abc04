-- migrate:up
ALTER TABLE entries ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON entries USING (owner = current_user);

-- migrate:down
DROP POLICY own ON entries;
