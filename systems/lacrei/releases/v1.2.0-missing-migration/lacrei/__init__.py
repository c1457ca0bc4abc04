"""Lacrei: an API for appointments with health professionals."""

__version__ = "v1.2.0-missing-migration"
