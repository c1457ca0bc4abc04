-- migrate:up
create table posts (
  id serial primary key,
  title text not null,
  body text
);

create table drafts (
  post_id int references posts (id),
  body text not null
);

-- migrate:down
drop table drafts;
drop table posts;
