-- migrate:up
COMMENT ON TABLE devices IS 'Devices.';

-- migrate:down
COMMENT ON TABLE devices IS NULL;
