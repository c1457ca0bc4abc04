-- migrate:up
drop table drafts;

-- migrate:down
create table drafts (
  post_id int references posts (id),
  body text not null
);
