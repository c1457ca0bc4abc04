ALTER TABLE posts ADD COLUMN updated_at timestamp not null default now(); SELECT diesel_manage_updated_at('posts');
