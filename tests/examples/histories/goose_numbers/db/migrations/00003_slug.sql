-- +goose Up
CREATE FUNCTION app.slug(value text) RETURNS text AS $$
BEGIN
    RETURN lower(value);
END;
$$ LANGUAGE plpgsql;
-- +goose Down
DROP FUNCTION app.slug(text);
