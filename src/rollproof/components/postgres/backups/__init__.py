"""Backups that others have taken: the newest one found, recognised, looked through and restored."""
