-- migrate:up
GRANT SELECT ON entries TO PUBLIC;

-- migrate:down
REVOKE SELECT ON entries FROM PUBLIC;
