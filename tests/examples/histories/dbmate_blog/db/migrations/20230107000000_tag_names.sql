-- migrate:up
alter table tags add constraint tags_name_check check (name <> '');

-- migrate:down
alter table tags drop constraint tags_name_chk;
