"""Durations in environment variables: `5s`, `2m`, or a bare number of seconds."""

_SECONDS = {"s": 1, "m": 60}


def seconds(text: str) -> int:
    """Raises ValueError for anything else."""
    unit = _SECONDS.get(text[-1:], 0)
    return int(text[:-1]) * unit if unit else int(text)
