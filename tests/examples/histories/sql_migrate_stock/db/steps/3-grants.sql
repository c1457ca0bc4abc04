-- +migrate Up
GRANT SELECT, INSERT ON items TO PUBLIC;

-- +migrate Down
REVOKE SELECT ON items FROM PUBLIC;
