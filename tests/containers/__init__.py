"""The contract of environments, and real drills, on containers that are really started: `make containers`."""
