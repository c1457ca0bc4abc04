-- +migrate Up
-- +migrate StatementBegin
CREATE FUNCTION f() RETURNS int AS $$
BEGIN
    RETURN 1;
END;
$$ LANGUAGE plpgsql;
-- +migrate Down
DROP FUNCTION f();
