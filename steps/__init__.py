"""Phrases of the features. Each is one call on the Drill."""
