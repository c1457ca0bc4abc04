"""Rollproof rehearses rollbacks for real and proves whether they work."""

__version__ = "0.1.0"
