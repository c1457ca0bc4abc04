CREATE INDEX CONCURRENTLY IF NOT EXISTS acc_created ON accounts (created_at);
