-- migrate:up
CREATE TABLE windows (
  id integer PRIMARY KEY
);

-- migrate:down
DROP TABLE windows;
