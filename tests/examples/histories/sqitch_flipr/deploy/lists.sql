BEGIN;

CREATE TYPE flipr.visibility AS ENUM ('public', 'private');
CREATE TABLE flipr.lists (
    nickname text NOT NULL REFERENCES flipr.users (nickname),
    name     text NOT NULL,
    seen     flipr.visibility NOT NULL DEFAULT 'private',
    PRIMARY KEY (nickname, name)
);

COMMIT;
