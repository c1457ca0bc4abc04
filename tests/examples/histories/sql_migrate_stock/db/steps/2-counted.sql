-- +migrate Up
-- +migrate StatementBegin
CREATE FUNCTION counted() RETURNS bigint AS $$
BEGIN
    RETURN (SELECT count(*) FROM items);
END;
$$ LANGUAGE plpgsql;
-- +migrate StatementEnd

-- +migrate Down
DROP FUNCTION counted();
