"""The `rollproof` command, and `python -m rollproof`.

`verify` goes its own way in: whoever checks a bundle waits for none of what runs drills.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point: Ctrl-C ends with 130 and no traceback."""
    if sys.argv[1:2] != ["verify"]:
        from rollproof.cli import main as everything

        everything()
        return
    try:
        _verify()
    except KeyboardInterrupt:
        sys.exit(130)


def _verify() -> None:
    import typer

    from rollproof.cli_seal import verify_command

    app = typer.Typer(name="rollproof", pretty_exceptions_enable=False, add_completion=False)
    app.callback()(lambda: None)
    app.command("verify")(verify_command)
    app()


if __name__ == "__main__":
    main()
