-- Which server answers, and whether it is a standby now: asked on each new connection to a verified one.
SELECT system_identifier::text, pg_is_in_recovery() FROM pg_control_system()
