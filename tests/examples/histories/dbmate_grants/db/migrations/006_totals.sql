-- migrate:up
CREATE MATERIALIZED VIEW totals AS SELECT owner, sum(amount) AS amount FROM entries GROUP BY owner;
CREATE UNIQUE INDEX totals_owner ON totals (owner);

-- migrate:down
DROP MATERIALIZED VIEW totals;
