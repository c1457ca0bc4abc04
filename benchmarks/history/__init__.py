"""Whole histories of public projects, walked: `python -m benchmarks.history`.

corpora   which histories, and how to install them      capture    their SQL, as pairs of files
truth     verdicts of a slow, plain method, compared     timing     bare SQL, Rollproof, dump-and-compare
verdicts  Rollproof's own                                rivals     pytest-alembic, Liquibase
growth    time and memory of long histories              report     history.md, verdicts.md

Nothing of it is part of `make test`: it installs packages from PyPI and takes a quarter of an hour.
"""
