-- migrate:up
create table tags (post_id int not null references posts (id) on delete cascade, name text not null);
