"""`python -m rollproof` is the `rollproof` command."""

from rollproof.cli import main

main()
