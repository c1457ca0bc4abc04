-- migrate:up
alter table posts add column published_at timestamptz;
create index on posts (published_at);

-- migrate:down
