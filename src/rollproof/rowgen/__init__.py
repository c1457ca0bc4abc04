"""Rows made up to fill a schema, so that a rollback has something to lose."""
