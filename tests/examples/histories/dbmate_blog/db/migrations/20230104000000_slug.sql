-- migrate:up
create function slugify(value text) returns text as $$
begin
  return regexp_replace(lower(value), '[^a-z0-9]+', '-', 'g');
end;
$$ language plpgsql immutable;

alter table posts add column slug text generated always as (slugify(title)) stored;

-- migrate:down
alter table posts drop column slug;
drop function slugify(text);
