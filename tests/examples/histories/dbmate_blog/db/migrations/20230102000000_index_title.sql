-- migrate:up transaction:false
create index concurrently posts_title_idx on posts (title);

-- migrate:down transaction:false
drop index concurrently posts_title_idx;
