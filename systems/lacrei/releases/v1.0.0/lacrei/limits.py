"""Durations in environment variables: a number of seconds."""


def seconds(text: str) -> int:
    """Raises ValueError for anything else."""
    return int(text)
