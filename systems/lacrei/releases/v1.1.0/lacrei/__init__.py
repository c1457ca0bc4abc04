"""Lacrei: an API for appointments with health professionals."""

__version__ = "v1.1.0"
