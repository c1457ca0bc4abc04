"""The seal of a run: who vouches for which files, and how a stranger checks it."""
